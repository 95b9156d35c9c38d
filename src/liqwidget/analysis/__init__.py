"""Studies of markets and densities: what an estimate says, how certain it is, and where it is wrong."""
