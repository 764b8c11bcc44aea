"""Every read of the trading app."""
