"""Reads: users and the audit trail."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts import roles
from accounts.models import AuditEvent, User


def user_by_email(*, email: str) -> User | None:
    """The user of this e-mail in any case, active or not."""
    return User.objects.filter(email=User.objects.normalize_email(email)).first()


def active_managers() -> QuerySet[User]:
    """The active users who may manage users: admins and superusers, each once."""
    return User.objects.filter(Q(is_superuser=True) | Q(groups__name=roles.ADMIN), is_active=True).distinct()


def audit_events(*, action: str = "", email: str = "", target: str = "") -> QuerySet[AuditEvent]:
    """Events, newest first, narrowed by exact action, actor's e-mail and target where given."""
    asked = {"action": action, "actor_email": User.objects.normalize_email(email), "target": target}
    return AuditEvent.objects.select_related("actor").filter(**{name: value for name, value in asked.items() if value})
