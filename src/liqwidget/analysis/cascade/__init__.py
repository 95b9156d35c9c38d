"""What a push of the price would liquidate, and where that would push it."""
