"""Every write of the trading app: one function per operation."""
