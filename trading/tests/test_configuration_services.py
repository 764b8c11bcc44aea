"""Saving configurations: revisions, the one active, who may, and what the audit trail says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import AuditEvent, User
from deltastrangle.exceptions import Conflict, InvalidInput, NotFound, PermissionRefused
from trading.models import ConfigurationRevision, StrategySession, TradingConfiguration
from trading.params import params_from_values, values_of
from trading.selectors import configurations as selectors
from trading.services import configurations as services
from trading.strategy.types import ExpiryRule, Repeat, StrikeMode, TrailingRule
from trading.tests.factories_configurations import audit, configuration, running_session, user, values

pytestmark = pytest.mark.django_db


def test_a_new_configuration_is_inactive_and_has_revision_1_with_its_author() -> None:
    made = services.create_configuration(actor=user(), values=values(), source="api")
    [revision] = selectors.revisions_of(made.pk)
    assert (made.is_active, made.revision, revision.number) == (False, 1, 1)
    assert (revision.author, revision.author_email) == (user(), "operator@example.com")
    assert revision.values == values_of(TradingConfiguration.objects.get(pk=made.pk))
    assert audit() == [("configuration.create", "ok", "api")]


def test_every_save_makes_the_next_revision_and_none_changes_afterwards() -> None:
    made = configuration()
    for loss in (41, 42):
        saved = services.update_configuration(actor=user(), configuration_id=made.pk, values={"max_loss_pct": loss})
    numbers = [(each.number, each.values["max_loss_pct"]) for each in selectors.revisions_of(made.pk)]
    assert numbers == [(3, "42"), (2, "41"), (1, "40")]
    assert saved.configuration.revision == 3
    with pytest.raises(TypeError, match="immutable"):
        saved.revision.save()


def test_a_refused_save_leaves_no_revision_and_is_audited() -> None:
    made = configuration()
    with pytest.raises(InvalidInput):
        services.update_configuration(actor=user(), configuration_id=made.pk, values={"quantity": 0})
    assert selectors.newest_revision(made.pk).number == 1
    event = AuditEvent.objects.get(action="configuration.update")
    assert event.outcome == "refused"
    assert "between 1 and 50,000" in event.detail["reason"]


def test_an_update_says_in_the_audit_trail_what_changed() -> None:
    made = configuration()
    services.update_configuration(
        actor=user(), configuration_id=made.pk, values={"quantity": 7, "max_loss_pct": "40.0"}
    )
    event = AuditEvent.objects.get(action="configuration.update")
    assert event.detail == {"revision": 2, "changed": {"quantity": [100, 7]}}
    assert event.target == f"configuration {made.pk} Production Profile"


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_may_change_nothing_and_every_attempt_is_audited(role: str) -> None:
    made = configuration()
    AuditEvent.objects.all()._raw_delete("default")
    attempts: list[Callable[[], object]] = [
        lambda: services.create_configuration(actor=user(role), values=values(name="Mine")),
        lambda: services.update_configuration(actor=user(role), configuration_id=made.pk, values={}),
        lambda: services.clone_configuration(actor=user(role), configuration_id=made.pk),
        lambda: services.activate_configuration(actor=user(role), configuration_id=made.pk),
        lambda: services.deactivate_configuration(actor=user(role), configuration_id=made.pk),
        lambda: services.delete_configuration(actor=user(role), configuration_id=made.pk),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionRefused):
            attempt()
    assert [outcome for _, outcome, _ in audit()] == ["refused"] * 6
    assert TradingConfiguration.objects.get() == made


def test_the_command_line_has_no_actor_and_may() -> None:
    made = services.create_configuration(actor=None, values=values(), source="command")
    assert selectors.newest_revision(made.pk).author is None
    assert audit() == [("configuration.create", "ok", "command")]


@pytest.mark.parametrize("taken", ["Production Profile", "production profile", " Production Profile "])
def test_a_name_that_is_taken_is_a_conflict_at_the_name(taken: str) -> None:
    configuration()
    with pytest.raises(Conflict) as caught:
        services.create_configuration(actor=user(), values=values(name=taken))
    assert list(caught.value.fields or {}) == ["name"]
    assert audit()[-1] == ("configuration.create", "refused", "web")


def test_a_rename_to_a_taken_name_is_a_conflict_and_to_its_own_in_another_case_is_not() -> None:
    configuration()
    other = configuration(name="Other")
    with pytest.raises(Conflict):
        services.update_configuration(actor=user(), configuration_id=other.pk, values={"name": "PRODUCTION PROFILE"})
    saved = services.update_configuration(actor=user(), configuration_id=other.pk, values={"name": "OTHER"})
    assert saved.configuration.name == "OTHER"


def test_the_database_has_the_last_word_on_names(monkeypatch: pytest.MonkeyPatch) -> None:
    configuration()
    monkeypatch.setattr(selectors, "name_taken", lambda *args, **kwargs: False)
    with pytest.raises(Conflict) as caught:
        services.create_configuration(actor=user(), values=values(name="production profile"))
    assert list(caught.value.fields or {}) == ["name"]
    assert TradingConfiguration.objects.count() == 1


def test_exactly_one_is_active_whichever_way_it_is_switched() -> None:
    first, second = configuration(is_active=True), configuration(name="Second")
    assert selectors.active_configuration() == first
    services.activate_configuration(actor=user(), configuration_id=second.pk)
    assert selectors.active_configuration() == second
    services.update_configuration(actor=user(), configuration_id=first.pk, values={"is_active": True})
    assert selectors.active_configuration() == first
    configuration(name="Third", is_active=True)
    assert [each.name for each in TradingConfiguration.objects.filter(is_active=True)] == ["Third"]
    switch = AuditEvent.objects.get(action="configuration.activate")
    assert switch.detail == {"deactivated": ["Production Profile"]}


def test_activating_the_active_one_again_changes_nothing() -> None:
    made = configuration(is_active=True)
    services.activate_configuration(actor=user(), configuration_id=made.pk)
    assert selectors.active_configuration() == made
    assert selectors.newest_revision(made.pk).number == 1


def test_an_update_without_the_active_flag_leaves_it_alone() -> None:
    made = configuration(is_active=True)
    services.update_configuration(actor=user(), configuration_id=made.pk, values=values(quantity=5))
    assert selectors.active_configuration() == made
    services.update_configuration(actor=user(), configuration_id=made.pk, values={"is_active": False})
    assert selectors.active_configuration() is None


def test_an_active_flag_that_is_no_flag_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        configuration(is_active="yes")
    assert list(caught.value.fields or {}) == ["is_active"]


def test_deactivating_leaves_none_active_and_spares_the_others() -> None:
    active, other = configuration(is_active=True), configuration(name="Other")
    services.deactivate_configuration(actor=user(), configuration_id=other.pk)
    assert selectors.active_configuration() == active
    services.deactivate_configuration(actor=user(), configuration_id=active.pk)
    assert selectors.active_configuration() is None


def test_the_database_allows_one_active_configuration() -> None:
    configuration(is_active=True)
    other = configuration(name="Other")
    with pytest.raises(IntegrityError), transaction.atomic():
        TradingConfiguration.objects.filter(pk=other.pk).update(is_active=True)


@pytest.mark.django_db(transaction=True)
def test_activations_at_the_same_moment_leave_exactly_one_active() -> None:
    made = [configuration(name=f"Profile {number}") for number in range(4)]
    start, failures = Barrier(len(made)), list[BaseException]()
    operator = user()

    def activate(pk: int) -> None:
        try:
            start.wait(timeout=10)
            services.activate_configuration(actor=operator, configuration_id=pk)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=activate, args=[each.pk]) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    assert TradingConfiguration.objects.filter(is_active=True).count() == 1


def test_the_active_one_cannot_be_deleted() -> None:
    made = configuration(is_active=True)
    with pytest.raises(Conflict, match=r"^Deactivate configuration before deleting$"):
        services.delete_configuration(actor=user(), configuration_id=made.pk)
    assert audit()[-1] == ("configuration.delete", "refused", "web")


def test_one_in_use_cannot_be_deleted_and_the_session_is_named() -> None:
    made = configuration()
    session = running_session(made)
    with pytest.raises(Conflict, match=session.strategy_id) as caught:
        services.delete_configuration(actor=user(), configuration_id=made.pk)
    assert caught.value.extra == {"session_id": session.pk, "strategy_id": session.strategy_id}


def test_deleting_keeps_the_revisions_that_sessions_pinned() -> None:
    made = configuration()
    session = running_session(made)
    StrategySession.objects.update(status="stopped")
    services.delete_configuration(actor=user(), configuration_id=made.pk)
    session.refresh_from_db()
    assert session.configuration is None
    assert session.revision.values["name"] == "Production Profile"
    assert ConfigurationRevision.objects.get().configuration is None
    assert audit()[-1] == ("configuration.delete", "ok", "web")


def test_a_clone_has_a_free_name_its_own_history_and_is_inactive() -> None:
    made = configuration(is_active=True, name="x" * 50)
    clones = [services.clone_configuration(actor=user(), configuration_id=made.pk) for _ in range(2)]
    assert [each.name for each in clones] == ["x" * 43 + " (copy)", "x" * 41 + " (copy 2)"]
    assert all(not each.is_active and each.revision == 1 for each in clones)
    assert {**values_of(clones[0]), "name": made.name} == values_of(made)


def test_a_configuration_whose_expiry_has_passed_can_still_be_cloned() -> None:
    made = configuration()
    TradingConfiguration.objects.filter(pk=made.pk).update(expiry_rule="fixed", expiry_date=date(2020, 1, 3))
    clone = services.clone_configuration(actor=user(), configuration_id=made.pk)
    assert values_of(clone)["expiry_date"] == "03-01-2020"


def test_what_somebody_else_saved_in_the_meantime_is_not_overwritten() -> None:
    made = configuration()
    services.update_configuration(actor=user(), configuration_id=made.pk, values={"quantity": 5}, expected_revision=1)
    with pytest.raises(Conflict, match="in the meantime"):
        services.update_configuration(
            actor=user(), configuration_id=made.pk, values={"quantity": 6}, expected_revision=1
        )
    assert selectors.get_configuration(made.pk).quantity == 5


def test_a_save_names_the_session_that_goes_on_with_an_older_revision() -> None:
    made = configuration()
    session = running_session(made)
    assert selectors.outdated_session_of(made) is None
    saved = services.update_configuration(actor=user(), configuration_id=made.pk, values={"quantity": 5})
    assert saved.outdated_session == session
    assert session.revision.values["quantity"] == 100


def test_an_unknown_configuration_is_not_found() -> None:
    operator = user()
    calls: list[Callable[[], object]] = [
        lambda: services.update_configuration(actor=operator, configuration_id=999, values={}),
        lambda: services.clone_configuration(actor=operator, configuration_id=999),
        lambda: services.activate_configuration(actor=operator, configuration_id=999),
        lambda: services.deactivate_configuration(actor=operator, configuration_id=999),
        lambda: services.delete_configuration(actor=operator, configuration_id=999),
        lambda: selectors.get_configuration(999),
        lambda: selectors.get_by_name("nobody"),
        lambda: selectors.newest_revision(999),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="Configuration not found"):
            call()


def test_the_list_has_the_active_one_first_and_is_searched_by_name_or_underlying() -> None:
    for name, underlying in (("Alpha", "BTC"), ("Beta", "ETH"), ("Gamma", "BTC")):
        configuration(name=name, underlying=underlying, is_active=name == "Gamma")
    assert [each.name for each in selectors.list_configurations()] == ["Gamma", "Alpha", "Beta"]
    assert [each.name for each in selectors.list_configurations(search="et")] == ["Beta"]
    assert [each.name for each in selectors.list_configurations(search="eth")] == ["Beta"]
    assert selectors.get_by_name(" alpha ").name == "Alpha"


def test_the_history_says_what_each_revision_changed() -> None:
    made = configuration()
    services.update_configuration(actor=user(), configuration_id=made.pk, values={"quantity": 5, "delta_stop": "0.3"})
    newest, first = selectors.revision_steps(made.pk)
    assert newest.changes == (("quantity", 100, 5), ("delta_stop", None, "0.3"))
    assert first.changes == ()
    assert [step.revision.number for step in selectors.revision_steps(made.pk, limit=1)] == [2]


def test_values_are_the_same_before_and_after_the_database() -> None:
    made = configuration(min_credit="12.50", delta_range_low="0.1000", expiry_date="2099-01-02")
    stored = values_of(TradingConfiguration.objects.get(pk=made.pk))
    assert stored == values_of(made)
    assert (stored["min_credit"], stored["delta_range_low"], stored["expiry_date"]) == ("12.5", "0.1", "02-01-2099")


def test_the_strategy_gets_exactly_what_was_saved() -> None:
    made = configuration(
        strike_selection_mode="price",
        call_option_price_min=1,
        call_option_price_max="2.5",
        put_option_price_min=3,
        put_option_price_max=4,
        expiry_date="02-01-2099",
        repeat="daily",
        weekdays=[0, 4],
        trailing_rules={"0.5": 0.25, "0.2": 0},
        leg_stop_multiple="2.5",
        max_loss_pct="0.5",
        max_hold_minutes=120,
    )
    params = params_from_values(selectors.newest_revision(made.pk).values)
    assert (params.strike_selection_mode, params.repeat, params.expiry_rule) == (
        StrikeMode.PRICE,
        Repeat.DAILY,
        ExpiryRule.FIXED,
    )
    assert (params.call_option_price_max, params.leg_stop_multiple) == (Decimal("2.5"), Decimal("2.5"))
    assert (params.max_loss_pct, params.expiry_date, params.weekdays) == (Decimal("0.5"), date(2099, 1, 2), (0, 4))
    assert params.trailing_rules == (TrailingRule(Decimal(20), Decimal(0)), TrailingRule(Decimal(50), Decimal(25)))
    assert (params.quantity, params.max_hold_minutes, params.daily_loss_limit) == (100, 120, None)


def test_a_revision_from_before_a_field_existed_takes_the_strategys_default() -> None:
    old = {name: value for name, value in values_of(configuration()).items() if name != "stale_quote_seconds"}
    assert params_from_values(old).stale_quote_seconds == 60


def test_a_user_who_left_stays_in_the_history() -> None:
    made = configuration()
    User.objects.filter(email="operator@example.com").delete()
    assert selectors.newest_revision(made.pk).author_email == "operator@example.com"
