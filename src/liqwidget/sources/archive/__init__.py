"""The exchanges' downloadable archives."""
