"""Fetching: the requested range, its pages, and their assembly into a market."""
