"""Every read of the analytics app."""
