"""Every line of the log becomes one row, through rotation, truncation, odd bytes and kills (L2 to L6)."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from deltastrangle.tests.house import ROOT
from logviewer import ingest
from logviewer.ingest import Ingester
from logviewer.models import BackendLog, LogFile, LogTally
from logviewer.tests.written import append, line, messages, read

pytestmark = pytest.mark.django_db


def test_it_reads_what_was_appended_since_the_last_look(log_path: Path) -> None:
    append(log_path, line("one"), line("two"))
    assert read(log_path) == 2
    append(log_path, line("three"))
    assert read(log_path) == 1
    assert read(log_path) == 0
    assert messages() == ["one", "two", "three"]


def test_it_fills_the_columns_from_the_names_and_their_aliases(log_path: Path) -> None:
    fields = {"level": "warn", "strategyId": "s1", "correlationId": "c1", "requestId": "r1", "event": "order.filled"}
    append(log_path, line("sold", price=12.5, **fields))
    read(log_path)
    row = BackendLog.objects.get()
    assert (row.level, row.logger_name, row.event) == ("WARNING", "trading.engine", "order.filled")
    assert (row.strategy_id, row.correlation_id, row.request_id) == ("s1", "c1", "r1")
    assert row.logged_at == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    assert '"price": 12.5' in row.payload


def test_a_half_written_last_line_waits_for_its_end(log_path: Path) -> None:
    text = line("torn in two")
    append(log_path, line("whole"), text[:20])
    read(log_path)
    append(log_path, text[20:])
    read(log_path)
    assert messages() == ["whole", "torn in two"]


def test_lines_that_are_equal_are_all_kept(log_path: Path) -> None:
    append(log_path, *[line("again")] * 3)
    read(log_path)
    append(log_path, line("again"))
    read(log_path)
    assert messages() == ["again"] * 4
    assert BackendLog.objects.values("line_hash").distinct().count() == 1


def test_it_finishes_a_renamed_file_and_begins_the_new_one(log_path: Path) -> None:
    append(log_path, line("one"))
    read(log_path)
    append(log_path, line("two"))
    log_path.rename(f"{log_path}.1")
    append(log_path, line("three"))
    read(log_path)
    assert messages() == ["one", "two", "three"]


def test_it_finds_its_place_after_several_rotations_while_nobody_read(log_path: Path) -> None:
    append(log_path, line("one"))
    read(log_path)
    for number, name in enumerate(("two", "three", "four")):
        append(log_path, line(name))
        for old in range(number, 0, -1):
            Path(f"{log_path}.{old}").rename(f"{log_path}.{old + 1}")
        log_path.rename(f"{log_path}.1")
        os.utime(f"{log_path}.1", (1000 + number, 1000 + number))
    append(log_path, line("five"))
    read(log_path)
    assert messages() == ["one", "two", "three", "four", "five"]


def test_a_file_that_was_copied_and_truncated_loses_nothing(log_path: Path) -> None:
    append(log_path, line("one"))
    read(log_path)
    append(log_path, line("two"))
    shutil.copy(log_path, f"{log_path}.1")
    assert read(log_path) == 1
    os.truncate(log_path, 0)
    append(log_path, line("three"))
    read(log_path)
    assert messages() == ["one", "two", "three"]


def test_lines_between_the_last_look_and_a_truncation_come_from_the_copy(log_path: Path) -> None:
    append(log_path, line("one"))
    read(log_path)
    append(log_path, line("two"))
    shutil.copy(log_path, f"{log_path}.1")
    os.truncate(log_path, 0)
    append(log_path, line("three"))
    assert read(log_path) == 2
    assert read(log_path) == 0
    assert messages() == ["one", "two", "three"]


def test_a_truncated_file_that_has_grown_beyond_the_old_offset_is_read_from_its_beginning(log_path: Path) -> None:
    append(log_path, line("one"), line("two"))
    read(log_path)
    os.truncate(log_path, 0)
    append(log_path, *[line(f"new {number}") for number in range(5)])
    read(log_path)
    assert messages()[2:] == [f"new {number}" for number in range(5)]


def test_a_new_file_with_the_inode_of_an_old_one_is_a_new_file(log_path: Path) -> None:
    append(log_path, line("old"))
    read(log_path)
    known = LogFile.objects.get()
    log_path.write_text(line("new") + line("newer") + line("newest"))
    found = log_path.stat()
    assert (known.device, known.inode) == (str(found.st_dev), str(found.st_ino))
    read(log_path)
    assert messages() == ["old", "new", "newer", "newest"]


def test_texts_that_a_database_could_take_for_its_own_marks_are_kept(log_path: Path) -> None:
    written = ["tab\there", "two\nlines", "back\\slash \\n", "\\N", "\\.", "\r", "'\"%s{}"]
    append(log_path, *[line(text, event=text) for text in written])
    read(log_path)
    assert messages() == written
    assert list(BackendLog.objects.order_by("id").values_list("event", flat=True)) == written
    assert [json.loads(row.payload)["message"] for row in BackendLog.objects.order_by("id")] == written


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"not json\n", "not json"),
        (b"42\n", "42"),
        (b'"text"\n', '"text"'),
        (b"null\n", "null"),
        (b"[1, 2]\n", "[1, 2]"),
        (b"\xff\xfe broken\n", "\ufffd\ufffd broken"),
        (b'{"message": "caf\xff"}\n', "caf\ufffd"),
        (b'{"message": "nul \\u0000 and \\ud800"}\n', "nul \ufffd and ?"),
        (b"nul \x00 here\n", "nul \ufffd here"),
        (b'{"message": {"a": [1, 2]}}\n', '{"a": [1, 2]}'),
        (b'{"message": "x", "level": null, "logger": 5, "timestamp": "soon", "event": ["a"]}\n', "x"),
        (b"[" * 100_000 + b"\n", "[" * 1024),
        (b'{"message": "year one", "timestamp": "0001-01-01T00:00:00+23:00"}\n', "year one"),
        (b"1" * 5000 + b"\n", "1" * 1024),
    ],
)
def test_odd_lines_are_kept_and_reading_goes_on(log_path: Path, raw: bytes, message: str) -> None:
    log_path.write_bytes(raw + b"\n   \n" + line("after").encode())
    assert read(log_path) == 2
    assert messages() == [message, "after"]


def test_a_line_without_an_end_is_taken_in_pieces(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "CHUNK", 1000)
    monkeypatch.setattr(ingest, "LONGEST_LINE", 1000)
    log_path.write_bytes(b"x" * 2500)
    assert read(log_path) == 2
    append(log_path, "\n", line("after"))
    read(log_path)
    assert [len(message) for message in messages()[:3]] == [1000, 1000, 500]
    assert messages()[3] == "after"


def test_what_a_killed_writer_left_unfinished_in_a_rotated_file_is_taken_in_the_end(log_path: Path) -> None:
    append(log_path, line("one"), "half a li")
    log_path.rename(f"{log_path}.1")
    append(log_path, line("two"))
    read(log_path)
    assert messages() == ["one", "two"]
    Ingester(log_path).run(datetime.now(UTC) + timedelta(minutes=2))
    assert messages() == ["one", "two", "half a li"]


def test_the_offset_outlives_the_process_and_purged_rows_stay_away(log_path: Path) -> None:
    append(log_path, line("one"), line("two"))
    read(log_path)
    BackendLog.objects.all().delete()
    assert read(log_path) == 0
    assert messages() == []


def test_a_failure_between_insert_and_offset_takes_both_back(log_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log_path, line("one"))
    monkeypatch.setattr(ingest, "add_to_tallies", lambda kinds: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read(log_path)
    assert (messages(), LogFile.objects.get().offset) == ([], 0)
    monkeypatch.undo()
    read(log_path)
    assert messages() == ["one"]


def test_two_that_read_at_once_take_each_line_once(log_path: Path) -> None:
    append(log_path, *[line(f"{number}") for number in range(10)])
    first, second = Ingester(log_path, batch=3), Ingester(log_path, batch=3)
    steps = [first.step(), second.step()]
    for _ in range(20):
        for one in steps:
            next(one, None)
    for reader in (first, second):
        reader.run()
    assert messages() == [f"{number}" for number in range(10)]


def test_nothing_is_asked_of_the_database_while_nothing_is_written(
    log_path: Path, django_assert_num_queries: object
) -> None:
    append(log_path, line("one"))
    reader = Ingester(log_path)
    reader.run()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert reader.run() == 0


def test_the_counts_by_the_hour_are_those_of_the_rows(log_path: Path) -> None:
    kinds = [{"level": "INFO"}, {"level": "INFO"}, {"level": "ERROR"}, {"timestamp": "2026-11-22T11:59:59Z"}]
    append(log_path, *[line("x", **kind) for kind in kinds])
    read(log_path)
    counts = {(tally.hour.hour, tally.level): tally.lines for tally in LogTally.objects.all()}
    assert counts == {(10, "INFO"): 2, (10, "ERROR"): 1, (11, "INFO"): 1}


def test_rotation_truncation_and_torn_writes_at_random_lose_and_double_nothing(log_path: Path) -> None:
    chance = random.Random(20261122)
    rotations, torn, expected = 0, "", []
    reader = Ingester(log_path, batch=3)
    for number in range(300):
        text = line(f"n{number}")
        expected.append(f"n{number}")
        cut = chance.randrange(len(text))
        append(log_path, torn + text[:cut])
        torn = text[cut:]
        match chance.randrange(6):
            case 0:
                append(log_path, torn)
                rotations, torn = rotations + 1, ""
                log_path.rename(f"{log_path}.{1000 - rotations}")
            case 1:
                append(log_path, torn)
                rotations, torn = rotations + 1, ""
                shutil.copy(log_path, f"{log_path}.{1000 - rotations}")
                os.truncate(log_path, 0)
            case 2:
                reader.run()
            case 3:
                next(reader.step(), None)
    append(log_path, torn)
    reader.run()
    Ingester(log_path).run()
    assert rotations > 50
    assert sorted(messages()) == sorted(expected)


KILLED = """
import os, signal, sys
from pathlib import Path
import django
django.setup()
from logviewer import ingest
counted = ingest.add_to_tallies
def killed(kinds):
    counted(kinds)
    if int(sys.argv[2]) <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.argv[2] = str(int(sys.argv[2]) - 1)
ingest.add_to_tallies = killed
ingest.Ingester(Path(sys.argv[1]), batch=7).run()
"""


def test_a_kill_between_insert_and_commit_neither_loses_nor_doubles_a_line(log_path: Path, tmp_path: Path) -> None:
    append(log_path, *[line(f"{number}") for number in range(40)])
    database = tmp_path / "killed.sqlite3"
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{database}",
        "DJANGO_SETTINGS_MODULE": "deltastrangle.settings",
    }
    run = [sys.executable, "manage.py", "migrate", "logviewer", "--verbosity", "0"]
    subprocess.run(run, cwd=ROOT, env=environment, check=True, capture_output=True)
    codes = [
        subprocess.run([sys.executable, "-c", KILLED, str(log_path), str(after)], cwd=ROOT, env=environment).returncode
        for after in (2, 0, 99)
    ]
    assert codes == [-9, -9, 0]
    with sqlite3.connect(database) as found:
        rows = found.execute("SELECT message FROM logviewer_backendlog ORDER BY id").fetchall()
        counted = found.execute("SELECT sum(lines) FROM logviewer_logtally").fetchone()[0]
    found.close()
    assert ([row[0] for row in rows], counted) == ([f"{number}" for number in range(40)], 40)


def test_the_command_reads_once(log_path: Path, settings: object, capsys: pytest.CaptureFixture[str]) -> None:
    settings.BACKEND_LOG_PATH = log_path  # type: ignore[attr-defined]
    append(log_path, line("one"))
    call_command("ingest_logs", "--once")
    assert (capsys.readouterr().out, messages()) == ("1 lines read\n", ["one"])


def test_a_missing_file_is_waited_for(log_path: Path) -> None:
    reader = Ingester(log_path)
    assert reader.run() == 0
    append(log_path, line("one"))
    assert reader.run() == 1
