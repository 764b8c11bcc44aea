"""Delta Exchange: a REST and WebSocket client behind the engine's ``Venue`` port.

``venue.py`` trades for real, ``dry_run.py`` on paper against the real market.
"""
