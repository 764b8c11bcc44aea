"""The tree keeps the house rules, and each rule can tell a tree that does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.core.management import call_command

from deltastrangle.tests import house
from deltastrangle.tests.arrows import forbidden_imports
from deltastrangle.tests.purity import impurities

SOURCES = house.sources()
TEMPLATES = sorted((house.ROOT / "templates").rglob("*.html"))


def test_files_and_functions_stay_short() -> None:
    assert [sentence for path in SOURCES for sentence in house.too_long(house.relative(path), path.read_text())] == []


def test_it_sees_a_long_file_and_a_long_function() -> None:
    text = "def long():\n" + "    x = 1\n" * 500
    assert list(house.too_long("a.py", text)) == [
        "a.py: 501 lines (at most 500)",
        "a.py:1 long: 501 lines (at most 60)",
    ]


def test_templates_stay_short_and_partials_shorter() -> None:
    found = [s for path in TEMPLATES for s in house.template_too_long(house.relative(path), path.read_text())]
    assert found == []
    assert list(house.template_too_long("templates/trading/panels/_legs.html", "\n" * 61))
    assert not list(house.template_too_long("templates/trading/live.html", "\n" * 150))


def test_templates_hold_no_inline_script_or_style() -> None:
    assert [s for path in TEMPLATES for s in house.inline_code(house.relative(path), path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    ["<style>", "<script>alert(1)</script>", '<p style="color:red">', '<a onclick="go()">', '<b hx-on:click="go()">'],
)
def test_it_sees_inline_code(text: str) -> None:
    assert list(house.inline_code("a.html", text))


def test_it_accepts_a_script_of_a_file_and_data_for_one() -> None:
    text = '<script src="/static/a.js" defer></script><script id="d" type="application/json">{}</script>'
    assert list(house.inline_code("a.html", text)) == []


def test_imports_point_one_way() -> None:
    found: list[str] = []
    for path in SOURCES:
        if not house.is_test(path):
            module = house.module_name(path)
            imported = house.imports(module, path.read_text(), package=path.name == "__init__.py")
            found += forbidden_imports(module, list(imported))
    assert found == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("trading.strategy.decide", "from trading.engine import runtime"),
        ("trading.strategy.decide", "from django.utils import timezone"),
        ("trading.engine.runtime", "from trading.venues.simulated import venue"),
        ("trading.engine.runtime", "def lazily():\n    from django.db import connection"),
        ("trading.engine.runtime", "from deltastrangle.exceptions import ApplicationError"),
        ("trading.venues.simulated.book", "from trading import store"),
        ("trading.venues.delta.rest", "from django.conf import settings"),
        ("trading.store", "from trading.services import sessions"),
        ("trading.models.session", "from trading import store"),
        ("trading.selectors.sessions", "from trading.services import sessions"),
        ("trading.services.control", "from trading.views import live"),
        ("trading.services.control", "from trading.venues.simulated.venue import SimulatedVenue"),
        ("trading.views.live", "import trading.venues.delta.rest"),
        ("trading.views.live", "from trading.venue_factory import paper_venue"),
        ("trading.api.control", "from trading.worker import run_engine"),
        ("trading.services.control", "from ..panels import legs"),
        ("trading.services.control", "import_module('trading.worker')"),
        ("analytics.selectors", "from trading.models import StrategySession"),
        ("trading.services.control", "from analytics.services import snapshot"),
        ("accounts.services.users", "from trading.models import StrategySession"),
        ("logviewer.views", "from trading import selectors"),
        ("deltastrangle.middleware", "from accounts.models import User"),
    ],
)
def test_it_sees_an_import_against_the_arrows(module: str, text: str) -> None:
    assert list(forbidden_imports(module, list(house.imports(module, text))))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("trading.engine.runtime", "from trading.strategy.decide import decide"),
        ("trading.venues.simulated.venue", "from trading.engine.ports import Venue"),
        ("trading.store", "from trading.models import StrategySession"),
        ("trading.services.control", "from trading import selectors"),
        ("trading.views.live", "from trading.panels import legs"),
        ("trading.venue_factory", "from trading.venues.simulated.venue import SimulatedVenue"),
        ("trading.worker", "from trading.venue_factory import paper_venue"),
        ("deltastrangle.asgi", "from trading.worker import EngineConsumer"),
        ("analytics.selectors", "from trading.selectors.sessions import closed_sessions"),
        ("trading.services.control", "from accounts.services import record_event"),
    ],
)
def test_it_accepts_an_import_along_the_arrows(module: str, text: str) -> None:
    assert list(forbidden_imports(module, list(house.imports(module, text)))) == []


def test_the_strategy_is_pure() -> None:
    core = [path for path in SOURCES if house.within_strategy(path)]
    assert core
    assert [f"{house.relative(path)} {what}" for path in core for what in impurities(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "import random",
        "import asyncio",
        "import logging",
        "from django.utils import timezone",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\nclock = date.today",
        "for leg in {'call', 'put'}:\n    pass",
        "legs = set(names)\nfor leg in legs:\n    pass",
        "def f(legs: frozenset[str]):\n    return list(legs)",
        "[leg for leg in set(a) | set(b)]",
        "hash('leg')",
        "open('a')",
        "async def f(): ...",
    ],
)
def test_it_sees_impurity(text: str) -> None:
    assert list(impurities(text))


def test_it_lets_a_set_be_asked_and_sorted() -> None:
    assert list(impurities("known = {1, 2}\nif 1 in known:\n    ordered = sorted(known)\n")) == []


@pytest.mark.django_db
def test_every_model_change_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_variable_read_is_documented() -> None:
    names = {name for path in SOURCES if not house.is_test(path) for name in house.names_of_settings(path.read_text())}
    assert {"SECRET_KEY", "DATABASE_URL", "DELTA_API_KEY", "SIMULATED_VENUE_SPEED"} <= names
    example = (house.ROOT / ".env.example").read_text()
    assert list(house.undocumented(names, example, (house.ROOT / "docs/configuration.md").read_text())) == []


def test_it_sees_a_variable_that_is_not_documented() -> None:
    names = house.names_of_settings("LIMIT = env_int('NEW_LIMIT', 5)")
    assert list(house.undocumented(names, "OLD_LIMIT=5\n", "`OLD_LIMIT`")) == [
        "NEW_LIMIT is not in .env.example",
        "NEW_LIMIT is not in docs/configuration.md",
    ]


def test_vendored_files_are_what_their_list_says() -> None:
    assert list(house.vendored_wrongly(house.ROOT / "static" / "vendor")) == []


def test_it_sees_a_vendored_file_that_changed_came_or_went(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"right").hexdigest()
    rows = "".join(f"| `{name}` | somewhere | 1.0 | {digest} |\n" for name in ("same.js", "changed.js", "gone.js"))
    (tmp_path / "VENDORED.md").write_text("| file | source | version | sha256 |\n|---|---|---|---|\n" + rows)
    for name, content in {"same.js": b"right", "changed.js": b"wrong", "came.js": b"new"}.items():
        (tmp_path / name).write_bytes(content)
    assert list(house.vendored_wrongly(tmp_path)) == [
        "came.js is not listed",
        "gone.js is listed and missing",
        "changed.js has another SHA-256",
    ]
