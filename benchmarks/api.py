"""How long the API takes with years of sessions and a million log rows behind it.

``python -m benchmarks.api [--sessions 10000] [--logs 1000000] [--requests 200] [--data DIR]``: see README.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import httpx
from tqdm import tqdm

from benchmarks.api_seed import Amounts, counted, seed
from benchmarks.stamps import percentile
from benchmarks.tick_to_order import PROJECT, free_port, prepare

WARM_UP: Final = 10
FLOOR: Final = "floor: who am I"
ALL_TIME: Final = "start=2010-01-01&end=2030-01-01"
LOGS: Final = "/api/logs/backend"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``aim`` is the p50 in ms; ``first`` measures to the first byte of the body; ``share`` is how many
    of the requests are made.
    """

    name: str
    path: str
    aim: float | None = None
    most_bytes: int | None = None
    first: bool = False
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What it took: seconds of each request, bytes of the body, seconds of the server's processor per request."""

    question: Question
    taken: Sequence[float]
    size: int
    processor: float

    @property
    def least(self) -> float:
        """Milliseconds of the fastest: what is left when nothing else wants the processor."""
        return 1000 * min(self.taken)

    @property
    def p50(self) -> float:
        """Milliseconds."""
        return 1000 * percentile(self.taken, 0.5)

    @property
    def p99(self) -> float:
        """Milliseconds."""
        return 1000 * percentile(self.taken, 0.99)

    @property
    def reached(self) -> str:
        """Whether the aim was reached."""
        asked = self.question
        if asked.aim is None:
            return ""
        small = asked.most_bytes is None or self.size <= asked.most_bytes
        return "yes" if self.p50 <= asked.aim and small else "**no**"


def questions(newest: int, pages: int, *, logs: bool) -> list[Question]:
    """All of them. ``newest`` is the id of the newest closed session, ``pages`` how many pages of 25 there are."""
    sessions = "/api/trading/sessions/"
    asked = [
        Question(FLOOR, "/api/auth/me/"),
        Question("sessions, page of 25", f"{sessions}?page_size=25", 10, 25_000),
        Question("sessions, page of 100", f"{sessions}?page_size=100", share=0.5),
        Question("sessions, the last page of 25", f"{sessions}?page_size=25&page={pages}"),
        Question("session", f"{sessions}{newest}/", 15),
        Question("runtime", "/api/trading/runtime/", 5),
        Question("analytics history, 30 days", "/api/analytics/history/?mode=paper&preset=30D", 40),
        Question("analytics history, all", f"/api/analytics/history/?mode=paper&{ALL_TIME}", 250, share=0.2),
        Question("analytics CSV, 30 days", "/api/analytics/export/?mode=paper&preset=30D", 100, first=True, share=0.5),
    ]
    return asked + (_of_logs() if logs else [])


def _of_logs() -> list[Question]:
    deep = 1_000_000 // 50 // 2
    return [
        Question("logs, page of 50", LOGS, 10),
        Question("logs, page of 500", f"{LOGS}?page_size=500", share=0.3),
        Question("logs, a page in the middle", f"{LOGS}?page={deep}", share=0.3),
        Question("log summary", f"{LOGS}/summary", 60),
        Question("logs, text search, beginning of a word", f"{LOGS}?search=ord", 100, share=0.2),
        Question("logs, text search, part of a line", f"{LOGS}?search=lled%20in%2039", 100, share=0.2),
        Question("logs, text search, two characters", f"{LOGS}?search=ms", 100, share=0.2),
        Question("logs, text search, two characters, no match", f"{LOGS}?search=zz", 100, share=0.2),
        Question("logs, summary of a text search", f"{LOGS}/summary?search=ord", share=0.2),
        Question("logs, text search, rare", f"{LOGS}?search=needle", 100, share=0.2),
        Question("logs, text search, common", f"{LOGS}?search=filled", 100, share=0.2),
        Question("logs, text search, no match", f"{LOGS}?search=nowhere%20at%20all", 100, share=0.2),
    ]


class Client:
    """One kept-alive connection, and a look at the server's processor time."""

    def __init__(self, port: int, token: str, pid: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pid = pid

    def ask(self, question: Question, requests: int) -> Answer:
        """Ask so many times, one after the other."""
        for _ in range(WARM_UP):
            self._once(question)
        before, taken, size = self._processor(), [], 0
        for _ in range(requests):
            seconds, size = self._once(question)
            taken.append(seconds)
        return Answer(question, taken, size, (self._processor() - before) / requests)

    def _once(self, question: Question) -> tuple[float, int]:
        began = time.perf_counter()
        self._connection.request("GET", question.path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read(1)
        first = time.perf_counter() - began
        body += response.read()
        whole = time.perf_counter() - began
        if response.status != 200:
            raise RuntimeError(f"{question.path} answered {response.status}: {body[:300]!r}")
        return (first if question.first else whole), len(body)

    def _processor(self) -> float:
        """Seconds of processor time that the server has used."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def web(port: int) -> Iterator[int]:
    """One daphne process in the role of a web process beside a worker elsewhere; gives its pid."""
    environment = {**os.environ, "STRANGLE_ROLE": "web", "STATIC_MANIFEST": "false", "LOG_LEVEL": "INFO", "DEBUG": "0"}
    environment |= {"BACKEND_LOG_INGEST_ENABLED": "false", "BACKEND_LOG_RETENTION_DAYS": "0"}
    command = [sys.executable, "-m", "daphne", "-p", str(port), "-b", "127.0.0.1", "deltastrangle.asgi:application"]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=quiet, stderr=quiet)
    try:
        _wait_for(f"http://127.0.0.1:{port}/healthz")
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(url)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def a_token() -> str:
    """An access token of a viewer in the benchmark's database."""
    from accounts.models import User
    from accounts.services import create_user, issue_tokens

    email = "bench@example.com"
    user = User.objects.filter(email=email).first() or create_user(
        actor=None, email=email, password="a benchmark 7 passes", role="viewer", source="command"
    )
    return issue_tokens(user=user)["access_token"]


def table(answers: Sequence[Answer]) -> str:
    """The figures; ratios are to the floor's."""
    floor = next(answer for answer in answers if answer.question.name == FLOOR)
    lines = [
        "| | least ms | p50 ms | p99 ms | aim ms | reached | p50 / floor | processor ms | kB |",
        "|---|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    for answer in answers:
        aim = "" if answer.question.aim is None else f"{answer.question.aim:g}"
        name = answer.question.name + (", first byte" if answer.question.first else "")
        lines.append(
            f"| {name} | {answer.least:.2f} | {answer.p50:.2f} "
            f"| {answer.p99:.2f} | {aim} | {answer.reached} | {answer.p50 / floor.p50:.2f} "
            f"| {1000 * answer.processor:.2f} | {answer.size / 1000:.1f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Seed, ask, print; exit code 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--logs", type=int, default=1_000_000, help="Log rows; 0 leaves the logs out.")
    parser.add_argument("--requests", type=int, default=200, help="Requests a question.")
    parser.add_argument("--only", default="", help="Only questions whose name contains this.")
    parser.add_argument("--data", type=Path, help="Where the database is kept, and used again; else a temporary place.")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="api-") as scratch:
        data = (given.data or Path(scratch)).resolve()
        answers = measure(data, Amounts(given.sessions, given.logs), given.requests, given.only)
    sys.stdout.write(table(answers) + "\n")
    return 1 if any("no" in answer.reached for answer in answers) else 0


def measure(data: Path, amounts: Amounts, requests: int, only: str = "") -> list[Answer]:
    """The answers to all questions, of a database in ``data`` that is filled unless it is already."""
    data.mkdir(parents=True, exist_ok=True)
    done = data / "seeded"
    prepare(str(data))
    rows = counted() if done.exists() else seed(data, amounts)
    done.touch()
    sys.stdout.write(", ".join(f"{count:,} {name}" for name, count in rows.items()) + "\n\n")
    asked = questions(amounts.sessions, -(-amounts.sessions // 25), logs=bool(amounts.log_rows))
    wanted = [question for question in asked if only in question.name or question.name == FLOOR]
    port, token = free_port(), a_token()
    with web(port) as pid:
        client = Client(port, token, pid)
        return [client.ask(question, max(10, int(requests * question.share))) for question in tqdm(wanted)]


if __name__ == "__main__":
    sys.exit(main())
