"""Studies of markets and densities: what an estimate says, how sure it is, and where it is wrong."""
