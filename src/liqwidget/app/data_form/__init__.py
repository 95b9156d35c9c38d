"""The form for data: venue, file, upload."""
