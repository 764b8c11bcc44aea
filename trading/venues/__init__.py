"""Venues: one package per exchange, each with a ``config.py`` and a ``venue.py`` that speaks the engine's ``Venue``
port.
"""
