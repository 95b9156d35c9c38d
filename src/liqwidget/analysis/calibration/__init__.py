"""Fit of leverage mix, decay rate and turnover to realised liquidations."""
