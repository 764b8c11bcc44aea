"""Where a user's permissions come from."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest

from accounts.models import User

PERMISSIONS_OF: Final = """
    SELECT kind.app_label, permission.codename FROM auth_permission permission
    JOIN django_content_type kind ON kind.id = permission.content_type_id
    WHERE permission.id IN (
        SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = %s
        UNION ALL
        SELECT given.permission_id FROM auth_group_permissions given
        JOIN accounts_user_groups member ON member.group_id = given.group_id WHERE member.user_id = %s
    )
"""

USER_WITH_PERMISSIONS: Final = """
    SELECT person.*, kind.app_label AS held_app, permission.codename AS held_name FROM accounts_user person
    LEFT JOIN (
        SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = %(user)s
        UNION
        SELECT given.permission_id FROM auth_group_permissions given
        JOIN accounts_user_groups member ON member.group_id = given.group_id WHERE member.user_id = %(user)s
    ) held ON TRUE
    LEFT JOIN auth_permission permission ON permission.id = held.permission_id
    LEFT JOIN django_content_type kind ON kind.id = permission.content_type_id
    WHERE person.id = %(user)s
"""


def user_with_permissions(pk: int) -> User | None:
    """The user, read together with what ``PermissionBackend`` will be asked of them: one query where that takes two."""
    rows: list[Any] = list(User.objects.raw(USER_WITH_PERMISSIONS, {"user": pk}))
    if not rows:
        return None
    user = rows[0]
    if not user.is_superuser:
        user._perm_cache = {f"{row.held_app}.{row.held_name}" for row in rows if row.held_name is not None}
    found: User = user
    return found


class PermissionBackend:
    """Reads all of a user's permissions in one query, where Django's own backend, which finds them there, takes two.

    It signs nobody in and finds no user. Every request asks, so it must stand before ``ModelBackend``.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: object) -> None:
        """Nobody."""

    def has_perm(self, user_obj: AbstractBaseUser | AnonymousUser, perm: str, obj: Model | None = None) -> bool:
        """Whether the user has ``app.codename``."""
        return perm in self.get_all_permissions(user_obj, obj)

    def get_all_permissions(self, user_obj: AbstractBaseUser | AnonymousUser, obj: Model | None = None) -> set[str]:
        """The names ``app.codename`` given by hand or by a group, asked once for an instance; a superuser's are
        Django's to tell.
        """
        user: Any = user_obj
        if not user.is_active or user.is_anonymous or user.is_superuser or obj is not None:
            return set()
        if not hasattr(user, "_perm_cache"):
            with connection.cursor() as cursor:
                cursor.execute(PERMISSIONS_OF, [user.pk, user.pk])
                user._perm_cache = {f"{app}.{codename}" for app, codename in cursor.fetchall()}
        held: set[str] = user._perm_cache
        return held
