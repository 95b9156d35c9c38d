"""Requests: retries, sizes, rate limits, clocks."""
