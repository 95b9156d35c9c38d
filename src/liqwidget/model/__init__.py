"""The estimate: NumPy arrays in, NumPy arrays out."""
