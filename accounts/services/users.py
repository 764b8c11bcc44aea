"""Making users, their roles, and the first admin."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts import roles, selectors
from accounts.models import User
from accounts.permissions import role_of
from accounts.services.audit import record_event
from accounts.services.guards import keep_a_manager, require_manager
from accounts.services.passwords import check_new_password
from accounts.services.tokens import revoke_all
from deltastrangle.exceptions import ApplicationError, InvalidInput, PermissionRefused

REGISTRATION_CLOSED = "Self-registration is closed. Ask an administrator for an account."


class UserExists(ApplicationError):
    """The e-mail already has an account; 400 and this sentence are what clients of the reference expect."""

    code = "user_exists"


class RegistrationClosed(PermissionRefused):
    """The platform does not let visitors make their own account."""

    code = "registration_closed"


def create_user(
    *,
    actor: User | None,
    email: str,
    password: str,
    role: str,
    full_name: str = "",
    request: HttpRequest | None = None,
    source: str = "web",
) -> User:
    """Make an active user with a role, as an admin (`actor`) or from the command line (`None`).

    Raises `InvalidInput` (fields `email`, `password`, `role`, `full_name`), `UserExists`, `PermissionRefused`.
    """
    draft = User(email=User.objects.normalize_email(email), full_name=full_name)
    require_manager(actor=actor, user=draft)
    user = _store(draft, password, role)
    record_event(
        actor=actor,
        action="user.create",
        outcome="ok",
        target=user.email,
        request=request,
        source=source,
        detail={"role": role},
    )
    return user


def register(
    *, email: str, password: str, full_name: str = "", request: HttpRequest | None = None, source: str = "api"
) -> User:
    """Make one's own account, a viewer's. Raises `RegistrationClosed` unless `REGISTRATION_ENABLED`; else as above."""
    if not settings.REGISTRATION_ENABLED:
        raise RegistrationClosed(REGISTRATION_CLOSED)
    draft = User(email=User.objects.normalize_email(email), full_name=full_name)
    user = _store(draft, password, roles.VIEWER)
    record_event(actor=user, action="register", outcome="ok", target=user.email, request=request, source=source)
    return user


def ensure_initial_superuser(email: str, password: str | None) -> tuple[User, bool, str | None]:
    """Make the first admin unless the e-mail has an account already, whose password and rights stay as they are.

    Returns the user, whether it was made now, and the password if it had to be generated (show it once).
    """
    existing = selectors.user_by_email(email=email)
    if existing:
        return existing, False, None
    generated = None if password else secrets.token_urlsafe(15)
    draft = User(email=User.objects.normalize_email(email), is_superuser=True)
    user = _store(draft, password or generated or "", roles.ADMIN)
    record_event(
        actor=None,
        action="user.create",
        outcome="ok",
        target=user.email,
        source="command",
        detail={"role": roles.ADMIN, "superuser": True},
    )
    return user, True, generated


def set_role(
    *, actor: User | None, user: User, role: str, request: HttpRequest | None = None, source: str = "web"
) -> None:
    """Give a user another role, as an admin (`actor`) or from the command line (`None`).

    A superuser given a lesser role is a superuser no longer. Raises `InvalidInput`, `PermissionRefused`, and
    `Conflict` for the last active admin.
    """
    require_manager(actor=actor, user=user)
    _check_role(role)
    before = role_of(user)
    if before == role:
        return
    with transaction.atomic():
        if before == roles.ADMIN:
            keep_a_manager(losing=user)
        user.is_superuser = False
        _put_in_group(user, role)
        user.save(update_fields=["is_staff", "is_superuser", "updated_at"])
        record_event(
            actor=actor,
            action="user.role",
            outcome="ok",
            target=user.email,
            request=request,
            source=source,
            detail={"before": before, "after": role},
        )


def set_active(
    *, actor: User | None, user: User, active: bool, request: HttpRequest | None = None, source: str = "web"
) -> None:
    """Disable a user, ending sessions and tokens, or enable one again. Raises as `set_role` does."""
    require_manager(actor=actor, user=user)
    if user.is_active == active:
        return
    with transaction.atomic():
        if not active and role_of(user) == roles.ADMIN:
            keep_a_manager(losing=user)
        user.is_active = active
        user.save(update_fields=["is_active", "updated_at"])
        if not active:
            revoke_all(user=user)
        action = "user.enable" if active else "user.disable"
        record_event(actor=actor, action=action, outcome="ok", target=user.email, request=request, source=source)


def edit_user(
    *,
    actor: User | None,
    user: User,
    email: str,
    full_name: str,
    request: HttpRequest | None = None,
    source: str = "web",
) -> None:
    """Change a user's e-mail and name. Raises `InvalidInput`, `UserExists`, `PermissionRefused`."""
    require_manager(actor=actor, user=user)
    wanted = {"email": User.objects.normalize_email(email), "full_name": full_name}
    changes = {name: [getattr(user, name), value] for name, value in wanted.items() if getattr(user, name) != value}
    if not changes:
        return
    before = user.email
    user.email, user.full_name = wanted["email"], full_name
    _check_identity(user)
    with _no_double(), transaction.atomic():
        user.save(update_fields=["email", "full_name", "updated_at"])
        record_event(
            actor=actor,
            action="user.edit",
            outcome="ok",
            target=before,
            request=request,
            source=source,
            detail=changes,
        )


def _store(user: User, password: str, role: str) -> User:
    _check_identity(user)
    _check_role(role)
    check_new_password(password, user=user)
    user.set_password(password)
    with _no_double(), transaction.atomic():
        user.save()
        _put_in_group(user, role)
        user.save(update_fields=["is_staff"])
    return user


@contextmanager
def _no_double() -> Iterator[None]:
    """Of two who take the same e-mail at once, the second gets `UserExists` like everyone after."""
    try:
        yield
    except IntegrityError as error:
        raise UserExists("User already exists") from error


def _put_in_group(user: User, role: str) -> None:
    """Exactly one of the role groups; other groups stay. Forgets the permissions the instance has looked up."""
    user.groups.remove(*Group.objects.filter(name__in=roles.ROLES).exclude(name=role))
    user.groups.add(Group.objects.get(name=role))
    user.is_staff = user.is_superuser or role == roles.ADMIN
    for cache in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        vars(user).pop(cache, None)


def _check_identity(user: User) -> None:
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        fields = error.message_dict
        raise InvalidInput(" ".join(next(iter(fields.values()))), fields=fields) from error
    if User.objects.filter(email=user.email).exclude(pk=user.pk).exists():
        raise UserExists("User already exists")


def _check_role(role: str) -> None:
    if role not in roles.ROLES:
        message = f"A role is one of {', '.join(roles.ROLES)}."
        raise InvalidInput(message, fields={"role": [message]})
