"""Histories too long for one pass: pieces that are computed apart and joined."""
