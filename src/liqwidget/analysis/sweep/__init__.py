"""One market under many settings."""
