"""Simulated markets, whose true liquidation levels are known."""
