"""Live candles and realised liquidations."""
