"""Template tags of the trading app."""
