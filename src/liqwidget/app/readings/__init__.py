"""Numbers and texts of the application, without drawing."""
