"""How the picture of one moment depends on the settings."""
