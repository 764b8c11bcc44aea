"""What one app tells the others without knowing them."""

from __future__ import annotations

from django.dispatch import Signal

session_closed = Signal()
"""A session was closed and the transaction that closed it is committed. Sent with ``session_id``; may be sent again for
the same session, and is not sent at all by a process that dies: who listens must also look for what it missed.
"""
