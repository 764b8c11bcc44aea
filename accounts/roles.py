"""The three roles, what each may do, and how their groups come to exist."""

from __future__ import annotations

from typing import Final

from django.apps import AppConfig
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

VIEWER: Final = "viewer"
OPERATOR: Final = "operator"
ADMIN: Final = "admin"

VIEW: Final = "view_platform"
OPERATE: Final = "operate_trading"
MANAGE: Final = "manage_users"

ROLES: Final[dict[str, tuple[str, ...]]] = {
    VIEWER: (VIEW,),
    OPERATOR: (VIEW, OPERATE),
    ADMIN: (VIEW, OPERATE, MANAGE),
}
"""Role to permission codenames, the weakest role first."""

CHOICES: Final[list[tuple[str, str]]] = [
    (VIEWER, "Viewer: sees everything, changes nothing"),
    (OPERATOR, "Operator: controls sessions and edits configurations"),
    (ADMIN, "Admin: an operator who also manages users"),
]


def ensure_groups(*, app_config: AppConfig, apps: Apps, using: str) -> None:
    """Create the groups that are missing and give each exactly its role's permissions among the three.

    The permissions of an app are themselves made after a migrate, so they are asked for here first; both steps may run
    any number of times. Permissions that someone added to a group by hand, outside the three, are left alone.
    """
    create_permissions(app_config, verbosity=0, using=using, apps=apps)
    group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    ours = permission_model._default_manager.using(using).filter(
        content_type__app_label="accounts", codename__in=(VIEW, OPERATE, MANAGE)
    )
    for role, codenames in ROLES.items():
        group, _ = group_model._default_manager.using(using).get_or_create(name=role)
        group.permissions.add(*ours.filter(codename__in=codenames))
        group.permissions.remove(*ours.exclude(codename__in=codenames))
