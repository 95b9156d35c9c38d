"""The exchanges: endpoints, units, limits, error messages."""
