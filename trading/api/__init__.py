"""The REST API of the trading app."""
