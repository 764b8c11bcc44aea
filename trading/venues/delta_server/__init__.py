"""The simulated exchange behind Delta Exchange's own wire protocol (``spec/delta_exchange.md``): an ASGI application.

REST under ``/v2``, the public socket at ``/public``, the private one at ``/private`` (``/`` and ``/live`` are private
too, as on the exchange's older host), and outside the protocol a control page and API under ``/_control/``.

Two clocks. Signatures, rate limits, cadences and heartbeats go by the wall; market, orders and every time in a
payload go by the venue's clock, which may run faster. ``/v2/settings`` tells the venue's time, ``expired_signature``
the time that signatures are judged by. At speed 1 a signature by either clock is good.
"""
