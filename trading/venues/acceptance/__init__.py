"""One acceptance suite for every venue: what the engine relies on, asked of each of them in the same words."""
