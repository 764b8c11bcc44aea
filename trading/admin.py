"""The admin site: configurations through the services, everything the engine writes to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.admin_access import RoleAdminMixin
from accounts.models import User
from accounts.read_only_admin import ReadOnly, ReadOnlyAdmin
from deltastrangle.exceptions import ApplicationError
from trading.configuration_fields import fields_of
from trading.configuration_spec import Group
from trading.forms import ConfigurationAdminForm
from trading.models import (
    Alert,
    ConfigurationRevision,
    DecisionRecord,
    EngineCommand,
    EngineLease,
    FillLedger,
    Lockout,
    OrderLedger,
    PnlPoint,
    PositionLedger,
    RuntimeSnapshot,
    SettlementLedger,
    StrategySession,
    TradingConfiguration,
    TradingMode,
)
from trading.selectors.configurations import running_session_of
from trading.services import configurations as services

if TYPE_CHECKING:
    ConfigurationAdmin = admin.ModelAdmin[TradingConfiguration]
    ConfigurationInline = admin.TabularInline[ConfigurationRevision, TradingConfiguration]
else:
    ConfigurationAdmin = admin.ModelAdmin
    ConfigurationInline = admin.TabularInline


class RevisionInline(ReadOnly, ConfigurationInline):
    """The history of a configuration."""

    model = ConfigurationRevision
    fields = readonly_fields = ("number", "created_at", "author_email", "values")
    ordering = ("-number",)
    extra = 0
    show_change_link = True


@admin.register(TradingConfiguration)
class TradingConfigurationAdmin(RoleAdminMixin, ConfigurationAdmin):
    """Configurations, with the rules' messages at the fields; every write is the service's."""

    form = ConfigurationAdminForm
    fieldsets = [(group.value, {"fields": [spec.name for spec in fields_of(group)]}) for group in Group]
    inlines = [RevisionInline]
    list_display = ("name", "is_active", "mode", "underlying", "strike_selection_mode", "quantity", "revision")
    list_filter = ("is_active", "mode", "underlying", "strike_selection_mode", "repeat")
    search_fields = ("name",)
    ordering = ("-is_active", "name")
    actions = ["activate", "deactivate", "clone"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Operators, unless it is active or in use."""
        if obj is not None and (obj.is_active or running_session_of(obj.pk)):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's bulk delete, which would say that it deleted what the service refused."""
        offered = super().get_actions(request)
        return {name: action for name, action in offered.items() if name != "delete_selected"}

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A refusal that comes only with the save (somebody was faster) is a message, not an error page."""
        return self._or_message(
            request, lambda: super(TradingConfigurationAdmin, self).changeform_view(request, *args, **kwargs)
        )

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Likewise."""
        return self._or_message(
            request, lambda: super(TradingConfigurationAdmin, self).delete_view(request, *args, **kwargs)
        )

    def _or_message(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return view()
        except ApplicationError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return redirect(request.path)

    def save_model(
        self, request: HttpRequest, obj: TradingConfiguration, form: ModelForm[TradingConfiguration], change: bool
    ) -> None:
        """Create or update through the service."""
        if change:
            saved = services.update_configuration(
                configuration_id=obj.pk, values=form.cleaned_data, **self._who(request)
            )
            if session := saved.outdated_session:
                text = f"Session {session.strategy_id} goes on with revision {session.revision.number}."
                self.message_user(request, text, messages.WARNING)
        else:
            obj.pk = services.create_configuration(values=form.cleaned_data, **self._who(request)).pk

    def delete_model(self, request: HttpRequest, obj: TradingConfiguration) -> None:
        """Delete through the service."""
        services.delete_configuration(configuration_id=obj.pk, **self._who(request))

    @admin.action(description="Activate the selected configuration", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[TradingConfiguration]) -> None:
        """Make the one selected the active one."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Select exactly one configuration to activate.", messages.ERROR)
            return
        self._each(request, chosen, services.activate_configuration, "activated")

    @admin.action(description="Deactivate the selected configurations", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[TradingConfiguration]) -> None:
        """Leave none of the selected active."""
        self._each(request, list(queryset), services.deactivate_configuration, "deactivated")

    @admin.action(description="Clone the selected configurations", permissions=["change"])
    def clone(self, request: HttpRequest, queryset: QuerySet[TradingConfiguration]) -> None:
        """Copy each of the selected."""
        self._each(request, list(queryset), services.clone_configuration, "cloned")

    def _each(
        self, request: HttpRequest, chosen: list[TradingConfiguration], act: Callable[..., object], done: str
    ) -> None:
        for configuration in chosen:
            try:
                act(configuration_id=configuration.pk, **self._who(request))
            except ApplicationError as refusal:
                self.message_user(request, f"{configuration.name}: {refusal.detail}", messages.ERROR)
            else:
                self.message_user(request, f"{configuration.name} {done}.")

    def _who(self, request: HttpRequest) -> dict[str, Any]:
        return {"actor": cast(User, request.user), "source": "admin", "request": request}


@admin.register(ConfigurationRevision)
class ConfigurationRevisionAdmin(ReadOnlyAdmin):
    """Revisions, also those of configurations that are gone."""

    list_display = ("configuration_name", "number", "author_email", "created_at")
    list_filter = ("created_at",)
    search_fields = ("configuration_name", "author_email")


@admin.register(StrategySession)
class StrategySessionAdmin(ReadOnlyAdmin):
    """Sessions."""

    list_display = (
        "strategy_id",
        "status",
        "phase",
        "mode",
        "exit_reason",
        "trading_day",
        "configuration",
        "created_at",
    )
    list_filter = ("status", "phase", "mode", "exit_reason", "trading_day")
    list_select_related = ("configuration",)
    search_fields = ("strategy_id", "configuration__name")
    exclude = ("engine_state",)


@admin.register(OrderLedger)
class OrderLedgerAdmin(ReadOnlyAdmin):
    """Orders."""

    list_display = ("client_order_id", "symbol", "side", "purpose", "quantity", "price", "filled_quantity", "status")
    list_filter = ("status", "purpose", "leg", "side", "order_type")
    search_fields = ("client_order_id", "order_id", "symbol", "session__strategy_id")


@admin.register(FillLedger)
class FillLedgerAdmin(ReadOnlyAdmin):
    """Executions."""

    list_display = ("fill_id", "symbol", "side", "quantity", "price", "commission", "filled_at")
    list_filter = ("side", "role", "filled_at")
    search_fields = ("fill_id", "symbol", "order__client_order_id", "session__strategy_id")


@admin.register(SettlementLedger)
class SettlementLedgerAdmin(ReadOnlyAdmin):
    """Settlements at expiry."""

    list_display = ("symbol", "leg", "quantity", "price", "commission", "settled_at")
    list_filter = ("leg", "settled_at")
    search_fields = ("symbol", "session__strategy_id")


@admin.register(PositionLedger)
class PositionLedgerAdmin(ReadOnlyAdmin):
    """Legs."""

    list_display = ("symbol", "leg", "quantity", "open_quantity", "entry_price", "exit_price", "realized_pnl", "fees")
    list_filter = ("leg", "side", "entry_time")
    search_fields = ("symbol", "session__strategy_id")


@admin.register(DecisionRecord)
class DecisionRecordAdmin(ReadOnlyAdmin):
    """Decisions."""

    list_display = ("at", "kind", "level", "message")
    list_filter = ("level", "kind", "at")
    search_fields = ("message", "session__strategy_id")


@admin.register(PnlPoint)
class PnlPointAdmin(ReadOnlyAdmin):
    """P&L over time."""

    list_display = ("at", "session", "net", "gross", "net_pct", "level_pct", "spot")
    list_filter = ("at",)
    list_select_related = ("session",)
    search_fields = ("session__strategy_id",)


@admin.register(EngineCommand)
class EngineCommandAdmin(ReadOnlyAdmin):
    """Commands to the engine."""

    list_display = ("id", "action", "status", "actor_email", "source", "reason", "created_at", "settled_at")
    list_filter = ("action", "status", "source", "created_at")
    search_fields = ("actor_email", "reason", "idempotency_key", "session__strategy_id")


@admin.register(EngineLease)
class EngineLeaseAdmin(ReadOnlyAdmin):
    """The lease."""

    list_display = ("name", "owner", "fencing_token", "expires_at")
    search_fields = ("owner",)


@admin.register(TradingMode)
class TradingModeAdmin(ReadOnlyAdmin):
    """The trading mode; it is changed on the page or at the command line."""

    list_display = ("name", "mode", "reason", "changed_by", "changed_at")
    list_filter = ("mode",)
    list_select_related = ("changed_by",)
    search_fields = ("reason",)


@admin.register(RuntimeSnapshot)
class RuntimeSnapshotAdmin(ReadOnlyAdmin):
    """The newest runtime picture."""

    list_display = ("name", "owner", "sequence", "updated_at")
    search_fields = ("owner",)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Alerts and how far each got."""

    list_display = ("created_at", "severity", "kind", "title", "count", "status", "attempts", "acknowledged_at")
    list_filter = ("severity", "status", "kind", "created_at")
    search_fields = ("title", "message", "dedup_key", "session__strategy_id")


@admin.register(Lockout)
class LockoutAdmin(ReadOnlyAdmin):
    """Lockouts; they are lifted on the page or at the command line."""

    list_display = ("trading_day", "mode", "kind", "reason", "created_at", "lifted_at", "lifted_by")
    list_filter = ("kind", "mode", "trading_day")
    list_select_related = ("lifted_by",)
    search_fields = ("reason", "session__strategy_id")
