"""Users and the audit trail in the Django admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts import services
from accounts.admin_access import adopt_sign_in
from accounts.admin_forms import UserForm
from accounts.models import ApiToken, AuditEvent, User
from accounts.permissions import can_manage_users, role_of
from deltastrangle.exceptions import ApplicationError

adopt_sign_in()


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class ManagerAdmin(AnyModelAdmin):
    """Base: for those who manage users; nothing is deleted."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return can_manage_users(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows are shown."""
        return can_manage_users(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether rows can be made."""
        return can_manage_users(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows can be edited."""
        return can_manage_users(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a user is disabled, and the trail stays."""
        return False


@admin.register(User)
class UserAdmin(ManagerAdmin):
    """Users. Every write goes through `accounts.services` and is audited; a refusal changes nothing."""

    form = UserForm
    fields = ("email", "full_name", "role", "is_active", "password", "last_login", "created_at", "updated_at")
    readonly_fields = ("last_login", "created_at", "updated_at")
    list_display = ("email", "full_name", "role", "is_active", "last_login", "created_at")
    list_filter = ("is_active", "groups")
    search_fields = ("email", "full_name")
    actions = ("lift_lockout",)

    @admin.display(description="role")
    def role(self, user: User) -> str:
        """The role, as shown in the list."""
        return role_of(user) or "none"

    @admin.action(description="Lift the lockout of the selected users")
    def lift_lockout(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Let users who failed too often try again at once."""
        for user in users:
            try:
                services.lift_lockout(actor=_actor(request), user=user, request=request)
            except ApplicationError as error:
                self.message_user(request, f"{user}: {error.detail}", messages.ERROR)
            else:
                self.message_user(request, f"{user} may sign in again.", messages.SUCCESS)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a service's refusal as a message; the admin's transaction has undone the rest by then."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ApplicationError as error:
            services.record_event(
                actor=_actor(request),
                action="user.change",
                outcome="refused",
                target=request.POST.get("email", ""),
                request=request,
                source="admin",
                detail={"reason": error.detail},
            )
            self.message_user(request, error.detail, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[Any], change: bool) -> None:
        """Write what the form asks for, one service call per kind of change."""
        save = _change if change else _create
        save(request, obj, form.cleaned_data)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the groups are the role's, and `save_model` has set it."""


def _create(request: HttpRequest, user: User, given: dict[str, Any]) -> None:
    made = services.create_user(
        actor=_actor(request),
        email=given["email"],
        password=given["password"],
        role=given["role"],
        full_name=given["full_name"],
        request=request,
        source="admin",
    )
    user.pk = made.pk
    if not given["is_active"]:
        services.set_active(actor=_actor(request), user=made, active=False, request=request, source="admin")


def _change(request: HttpRequest, edited: User, given: dict[str, Any]) -> None:
    actor, user = _actor(request), User.objects.get(pk=edited.pk)
    services.edit_user(
        actor=actor, user=user, email=given["email"], full_name=given["full_name"], request=request, source="admin"
    )
    services.set_role(actor=actor, user=user, role=given["role"], request=request, source="admin")
    services.set_active(actor=actor, user=user, active=given["is_active"], request=request, source="admin")
    if given["password"]:
        services.set_password(actor=actor, user=user, password=given["password"], request=request)


@admin.register(AuditEvent)
class AuditEventAdmin(ManagerAdmin):
    """The audit trail, to read and search."""

    list_display = ("at", "actor_email", "action", "target", "outcome", "source", "ip", "correlation_id")
    list_filter = ("outcome", "source", "action")
    search_fields = ("actor_email", "action", "target", "ip", "correlation_id")
    date_hierarchy = "at"
    list_select_related = ("actor",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: events come from what happens."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ManagerAdmin):
    """Personal API tokens, to read and search, and to revoke; the secrets are nowhere."""

    list_display = ("name", "hint", "user", "scopes", "state", "created_at", "expires_at", "last_used_at")
    search_fields = ("name", "hint", "user__email")
    list_select_related = ("user",)
    fields = ("user", "name", "hint", "scopes", "state", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        """End tokens at once."""
        for token in tokens:
            services.revoke_api_token(actor=_actor(request), token_id=token.pk, request=request, source="admin")
        self.message_user(request, "Revoked.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: a token is its owner's to make."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False
