"""The word index and the writers on both databases: what is inserted is found, what is deleted is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from deltastrangle.tests.house import ROOT
from logviewer.models import BackendLog
from logviewer.search import TABLE, matching, words_of
from logviewer.selectors import LogQuery, lines_of
from logviewer.tests.written import stored

HERE = "logviewer/tests"


def found(text: str) -> list[str]:
    """The messages of a search."""
    return [row.message for row in matching(BackendLog.objects.all(), text)]


def test_words_are_split_as_the_index_splits_them() -> None:
    assert words_of("C-BTC-100000 c_d 'x' Ünï") == ["c", "btc", "100000", "d", "x", "ünï"]
    assert words_of("ord* * x*") == ["ord*", "x*"]
    assert words_of(" -- %_ ") == []


@pytest.mark.django_db
def test_it_finds_words_their_beginnings_and_other_alphabets() -> None:
    stored({"message": "Ключ потерян"}, {"message": "order_id=ds42-CE-e1 v2"}, {"message": "Ordering tea"})
    assert found("ord*") == ["Ordering tea", "order_id=ds42-CE-e1 v2"]
    assert found("ord") == []
    assert found("v2 ds42") == ["order_id=ds42-CE-e1 v2"]
    assert found("ключ") == ["Ключ потерян"]


@pytest.mark.django_db
def test_the_index_follows_rows_that_go() -> None:
    stored({"message": "gone soon"}, {"message": "stays soon"})
    BackendLog.objects.filter(message="gone soon").delete()
    assert found("soon") == ["stays soon"]
    assert found("gone") == []


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
def test_a_search_walks_the_word_index_in_its_own_order() -> None:
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
