"""Histories too long for one pass: computed in chunks, then joined."""
