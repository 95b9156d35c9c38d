"""Several markets side by side."""
