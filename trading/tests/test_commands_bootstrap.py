"""``manage.py bootstrap_local``."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts.models import User
from trading.models import TradingConfiguration
from trading.params import params_from_values
from trading.tests import factories_control as make

pytestmark = pytest.mark.django_db


def bootstrap() -> str:
    """The command's output."""
    out = StringIO()
    call_command("bootstrap_local", stdout=out)
    return out.getvalue()


def test_it_makes_an_admin_who_can_sign_in_with_the_password_shown_once() -> None:
    out = bootstrap()
    password = out.split("shown this once: ")[1].split()[0]
    admin = User.objects.get()
    assert admin.is_superuser
    assert admin.check_password(password)
    assert "shown this once" not in bootstrap()


def test_it_takes_the_admin_from_the_environment_and_shows_no_password(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_EMAIL = "Boss@example.com"
    settings.INITIAL_SUPERUSER_PASSWORD = "a long and private phrase"
    out = bootstrap()
    assert User.objects.get(email="boss@example.com").check_password("a long and private phrase")
    assert "private phrase" not in out


def test_it_exits_one_when_the_environments_password_is_refused(settings: Settings) -> None:
    settings.INITIAL_SUPERUSER_PASSWORD = "short"
    with pytest.raises(CommandError) as caught:
        bootstrap()
    assert caught.value.returncode == 1


def test_it_makes_an_active_paper_configuration_that_the_engine_understands() -> None:
    bootstrap()
    demo = TradingConfiguration.objects.get()
    assert (demo.name, demo.is_active, demo.mode, demo.quantity) == ("Demo BTC strangle", True, "paper", 100)
    params = params_from_values(demo.revisions.get().values)
    assert params.max_hold_minutes == 150
    assert [(rule.trigger_pct, rule.level_pct) for rule in params.trailing_rules] == [
        (Decimal(8), Decimal(0)),
        (Decimal(12), Decimal(6)),
    ]


def test_it_changes_nothing_the_second_time() -> None:
    bootstrap()
    bootstrap()
    assert (User.objects.count(), TradingConfiguration.objects.count()) == (1, 1)


def test_it_leaves_an_installation_with_configurations_of_its_own_alone() -> None:
    make.configuration("Mine", active=False)
    bootstrap()
    assert [configuration.name for configuration in TradingConfiguration.objects.all()] == ["Mine"]
