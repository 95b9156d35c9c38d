"""Whether price goes to clusters more often than to comparable levels."""
