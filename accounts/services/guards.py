"""What a change to a user must not break."""

from __future__ import annotations

from django.contrib.auth.models import Group

from accounts import roles, selectors
from accounts.models import User
from accounts.permissions import MANAGE_REFUSED, can_manage_users
from deltastrangle.exceptions import Conflict, PermissionRefused


def require_manager(*, actor: User | None, user: User) -> None:
    """Raise `PermissionRefused` unless `actor` may manage `user`. `None` is the command line, which may.

    Only a superuser manages a superuser, else an admin could take over an account stronger than theirs.
    """
    if actor is None or actor.is_superuser:
        return
    if not can_manage_users(actor):
        raise PermissionRefused(MANAGE_REFUSED)
    if user.is_superuser:
        raise PermissionRefused("Only a superuser can change a superuser.")


def keep_a_manager(*, losing: User) -> None:
    """Raise `Conflict` when nobody else could manage users after `losing` no longer can. Call inside a transaction.

    The lock on the admin group makes two such changes at once wait for each other.
    """
    Group.objects.select_for_update().get(name=roles.ADMIN)
    if not selectors.active_managers().exclude(pk=losing.pk).exists():
        raise Conflict("This is the last active admin. Make another one first.")
