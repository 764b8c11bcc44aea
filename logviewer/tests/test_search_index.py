"""The index of messages and the writers on both databases: what is inserted is found, what is deleted is not."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from typing import Final

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext

from deltastrangle.tests.house import ROOT
from logviewer.lines import parse_line
from logviewer.models import BackendLog
from logviewer.search import POSTGRES_GONE, SQLITE_GONE, TABLE, create, matching
from logviewer.selectors import LogQuery, lines_of, logs_page, summary_of
from logviewer.tests.written import AT, stored
from logviewer.writers import insert_lines

HERE = "logviewer/tests"
OLD: Final = {
    "sqlite": (
        "CREATE VIRTUAL TABLE logviewer_search USING fts5(message, content='logviewer_backendlog', content_rowid='id', "
        "detail=none, columnsize=0, tokenize='unicode61 remove_diacritics 0')",
        "CREATE TRIGGER logviewer_search_insert AFTER INSERT ON logviewer_backendlog BEGIN "
        "INSERT INTO logviewer_search(rowid, message) VALUES (new.id, new.message); END",
        "CREATE TRIGGER logviewer_search_delete AFTER DELETE ON logviewer_backendlog BEGIN "
        "INSERT INTO logviewer_search(logviewer_search, rowid, message) VALUES ('delete', old.id, old.message); END",
    ),
    "postgresql": (
        "CREATE INDEX logviewer_search ON logviewer_backendlog USING gin (to_tsvector('simple'::regconfig, message))",
    ),
}


def found(text: str) -> list[str]:
    """The messages of a search."""
    return [row.message for row in matching(BackendLog.objects.all(), text)]


def assert_index_agrees() -> None:
    """SQLite raises when index and table disagree."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {TABLE}({TABLE}, rank) VALUES ('integrity-check', 1)")


MESSAGES: Final = (
    "order_id=ds42-CE-e1 v2",
    "Ключ потерян",
    "100% of \"C:\\temp\\x\" (tax & 'fees')",
    "Ordering tea",
    "Is it a.b or a*b?",
)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ord", [3, 0]),
        ("RDER", [3, 0]),
        ("g t", [3]),
        ("ds42-ce-E1", [0]),
        ("e1 v2", [0]),
        ("v2 ds42", []),
        ("ordtea", []),
        ("тЕр", [1]),
        ("КЛЮЧ ПОТЕРЯН", [1]),
        ("юч", [1]),
        ("a.b", [4]),
        ("a*b", [4]),
        ("d*r", []),
        ("r_i", [0]),
        ("r_", [0]),
        ("de_", []),
        ("0% o", [2]),
        ("0%", [2]),
        ("%", [2]),
        ("d%r", []),
        ('"C:', [2]),
        ("p\\x", [2]),
        ("x\" (tax & 'fees')", [2]),
        ('" OR "', []),
        ("a", [4, 3, 2]),
        ("zz", []),
        ("zzz", []),
    ],
)
def test_it_finds_any_part_of_a_message_in_any_case_and_takes_it_literally(text: str, expected: list[int]) -> None:
    stored(*[{"message": message} for message in MESSAGES])
    assert found(text) == [MESSAGES[number] for number in expected]


@pytest.mark.django_db
def test_it_finds_everything_that_a_look_at_every_message_finds() -> None:
    chance = random.Random(20261129)
    written = ["".join(chance.choices("abAB %_-", k=chance.randrange(1, 40))) for _ in range(300)]
    stored(*[{"message": message} for message in written])
    for _ in range(200):
        source = chance.choice(written)
        at = chance.randrange(len(source))
        text = source[at : at + chance.randrange(1, 9)].swapcase()
        assert found(text) == [message for message in reversed(written) if text.lower() in message.lower()], text


@pytest.mark.django_db
def test_the_index_follows_rows_that_go() -> None:
    stored({"message": "stays soon"}, {"message": "gone soon"})
    BackendLog.objects.filter(message="gone soon").delete()
    assert found("soon") == ["stays soon"]
    assert found("gone") == []
    stored({"message": "comes soon"})
    assert found("soon") == ["comes soon", "stays soon"]
    assert_index_agrees()


@pytest.mark.django_db
def test_a_line_that_somebody_else_inserted_is_indexed_with_the_next_and_may_go_before_that() -> None:
    stored({"message": "the first"})
    rest = {"logged_at": AT, "ingested_at": AT, "level": "INFO", "logger_name": "x"}
    other, gone = (
        BackendLog.objects.create(source=2, position=at, message=f"somebody's {at}", **rest) for at in range(2)
    )
    gone.delete()
    stored({"message": "the next"})
    assert found("the ") == ["the next", "the first"]
    assert found("body's") == ["somebody's 0"]
    other.delete()
    assert found("body's") == []
    assert_index_agrees()


@pytest.mark.django_db
def test_the_index_goes_on_when_numbering_begins_again() -> None:
    stored({"message": "before the flush"})
    BackendLog.objects.all().delete()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'logviewer_backendlog'")
    stored({"message": "after the flush"})
    assert found("flush") == ["after the flush"]
    assert_index_agrees()


@pytest.mark.django_db
def test_lines_that_are_there_already_are_not_indexed_twice() -> None:
    stored({"message": "only once"})
    line = parse_line(b'{"message": "only once"}', 1, 0, AT)
    assert line is not None
    insert_lines([line])
    assert found("once") == ["only once"]
    assert BackendLog.objects.count() == 1


@pytest.mark.django_db
def test_one_or_two_characters_are_looked_for_in_the_newest_lines_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("logviewer.search.SCANNED", 3)
    stored(*[{"message": f"ms {number} long"} for number in range(3)])
    assert logs_page(LogQuery(search="ms"), page=1, page_size=9).is_partial is False
    stored({"message": "another"}, {"message": "ms 5 long"})
    page = logs_page(LogQuery(search="ms"), page=1, page_size=9)
    assert ([row.message for row in page.items], page.is_partial) == (["ms 5 long", "ms 2 long"], True)
    assert summary_of(LogQuery(search="ms")).is_partial is True
    page = logs_page(LogQuery(search="long"), page=1, page_size=9)
    assert (page.total, page.is_partial) == (4, False)


@pytest.mark.django_db
def test_a_postgresql_that_refuses_the_extension_searches_the_newest_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite needs no extension")
    monkeypatch.setattr("logviewer.search.SCANNED", 2)
    monkeypatch.setattr("logviewer.search.POSTGRES", ("CREATE EXTENSION there_is_no_such_extension",))
    with connection.schema_editor() as editor:
        create(None, editor)
    assert "newest 2 lines only" in caplog.text
    stored(*[{"message": f"order {number}"} for number in range(3)])
    page = logs_page(LogQuery(search="order"), page=1, page_size=9)
    assert ([row.message for row in page.items], page.is_partial) == (["order 2", "order 1"], True)


@pytest.mark.django_db(transaction=True)
def test_a_database_with_the_index_of_words_gets_the_new_one_over_the_lines_it_has() -> None:
    stored({"message": "was there before"})
    with connection.cursor() as cursor:
        for statement in SQLITE_GONE if connection.vendor == "sqlite" else POSTGRES_GONE:
            cursor.execute(statement)
        for statement in OLD[connection.vendor]:
            cursor.execute(statement)
    MigrationRecorder(connection).record_unapplied("logviewer", "0002_search_parts")
    call_command("migrate", "logviewer", verbosity=0)
    stored({"message": "came here after"})
    assert found("re a") == ["came here after"]
    assert found("her") == ["came here after", "was there before"]
    assert found("as there b") == ["was there before"]


@pytest.mark.django_db
def test_of_a_long_text_the_index_is_asked_for_the_runs_that_the_newest_lines_have_least() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by itself")
    stored(*[{"message": f"order {number} filled"} for number in range(50)])
    with CaptureQueriesContext(connection) as asked:
        assert found("Order 17 filled") == ["order 17 filled"]
    match = re.search(r"MATCH '(.*?)'", asked.captured_queries[-1]["sql"])
    assert match is not None
    assert set(re.findall(r'"([^"]+)"', match[1])) == {"r 1", " 17", "17 ", "7 f"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "index"),
    [
        (LogQuery(), "backendlog_time"),
        (LogQuery(level="ERROR"), "backendlog_level"),
        (LogQuery(strategy_id="s1"), "backendlog_strategy"),
        (LogQuery(correlation_id="c1"), "backendlog_correlation"),
        (LogQuery(event="e1"), "backendlog_event"),
    ],
)
def test_every_filter_has_its_index_and_sorts_nothing(query: LogQuery, index: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by the table's size")
    plan = lines_of(query)[:50].explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.django_db
def test_a_search_walks_the_index_in_its_own_order() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by the table's size")
    plan = lines_of(LogQuery(search="order"))[:50].explain()
    assert plan.splitlines()[0].strip().find(f"SCAN {TABLE} VIRTUAL TABLE") >= 0, plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.postgres
@pytest.mark.slow
def test_reading_filters_and_retention_are_the_same_on_postgresql() -> None:
    files = [f"{HERE}/test_{name}.py" for name in ("ingest", "api", "retention", "search_index")]
    chosen = "not killed_writer and not kill_between and not postgresql"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *files, "-k", chosen]
    environment = {**os.environ, "SUITE_ON_POSTGRES": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
