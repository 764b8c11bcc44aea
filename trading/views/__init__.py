"""Pages and fragments of the trading app: they parse and present, the services decide."""
