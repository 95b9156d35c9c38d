"""The estimate scored against realised liquidations."""
