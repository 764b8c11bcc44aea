"""Writing the audit trail."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.db.models import CharField
from django.http import HttpRequest

from accounts.models import AuditEvent, User
from deltastrangle.logs import correlation_id, redact


def record_event(
    *,
    actor: User | None,
    action: str,
    outcome: str,
    target: str = "",
    request: HttpRequest | None = None,
    source: str = "web",
    detail: Mapping[str, object] | None = None,
    actor_email: str = "",
) -> AuditEvent:
    """Store who did what to what, with which outcome (`ok`, `refused`, `failed`), from where.

    `source` is one of `AuditEvent.Source`; the address comes from `request`, the correlation id from the logging
    context. `actor_email` names an actor without an account. Text too long for its column is cut, values under a
    secret's name in `detail` are blotted out, and a personal API token that was used is named as `via`. `ValueError`
    for an unknown outcome or source.
    """
    via = getattr(request, "api_token_name", None)
    said = {**(detail or {}), **({"via": via} if via else {})}
    return AuditEvent.objects.create(
        actor=actor,
        actor_email=_text("actor_email", actor.email if actor else actor_email),
        action=_text("action", action),
        target=_text("target", target),
        outcome=AuditEvent.Outcome(outcome),
        source=AuditEvent.Source(source),
        ip=client_address(request),
        correlation_id=_text("correlation_id", correlation_id()),
        detail=_storable(redact(said)),
    )


def client_address(request: HttpRequest | None) -> str | None:
    """The address of the peer, or `None` when there is none (a command, a UNIX socket)."""
    try:
        return str(ipaddress.ip_address(request.META.get("REMOTE_ADDR", "") if request else ""))
    except ValueError:
        return None


def _text(name: str, value: str) -> str:
    """What fits the column. PostgreSQL stores no NUL."""
    field = AuditEvent._meta.get_field(name)
    assert isinstance(field, CharField)
    return value.replace("\x00", "")[: field.max_length]


def _storable(value: Any) -> Any:
    """`value` with NULs removed from its text at any depth."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {str(_storable(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value
