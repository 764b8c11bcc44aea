"""The parent of a chaos run: job processes with an environment of their own, seeds handed out, results gathered."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Final

from trading.chaos.job import Order
from trading.chaos.judge import Kind
from trading.chaos.scorecard import Result, Scorecard, result_from

PROJECT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
"""What jobs inherit: no database, no keys, no alert addresses."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to run. ``keep`` is where the files of every run stay; empty keeps none but those of failing seeds, in
    ``data/chaos``.
    """

    seeds: Sequence[int]
    kill: bool
    faults: bool
    jobs: int
    failures: Path
    keep: Path | None = None
    cut: bool = False
    expiry: bool = False


class Job:
    """One job process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trading.chaos.job"],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, order: Order) -> Result:
        """Run one seed; a job that dies of it is a result, too."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asdict(order)) + "\n")
            self._process.stdin.flush()
            said = self._process.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            return Result(order.seed, 0.0, violations=[(Kind.HARNESS.value, "the job died")])
        return result_from(json.loads(said))

    @property
    def alive(self) -> bool:
        """Whether it can take another seed."""
        return self._process.poll() is None

    def close(self) -> None:
        """Let it go; workers that it still has end with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def run(request: Request, on_result: Callable[[Result], None] = lambda result: None) -> Scorecard:
    """Run all seeds; ``on_result`` hears of each as it is done, in any order."""
    scorecard = Scorecard()
    with TemporaryDirectory(prefix="chaos-") as name, ThreadPoolExecutor(request.jobs) as pool:
        scratch = Path(name)
        template = make_template(scratch)
        with _jobs(request.jobs, scratch) as free:
            futures = [pool.submit(_one, seed, request, scratch, template, free) for seed in request.seeds]
            try:
                for future in as_completed(futures):
                    scorecard.add(future.result())
                    on_result(future.result())
            finally:
                for future in futures:
                    future.cancel()
    return scorecard


def _one(seed: int, request: Request, scratch: Path, template: Path, free: SimpleQueue[Job]) -> Result:
    folder = request.keep or scratch / "runs"
    order = Order(
        seed,
        request.kill,
        request.faults,
        str(folder),
        str(template),
        keep=request.keep is not None,
        cut=request.cut,
        expiry=request.expiry,
    )
    job = free.get()
    result = job.run(order)
    free.put(job if job.alive else Job(environment_of(scratch), scratch / "jobs.log"))
    if result.failed and request.keep is None:
        _save(folder / f"seed-{seed}", request.failures / f"seed-{seed}")
    return result


def _save(source: Path, target: Path) -> None:
    """Keep what a failing run left, for whoever looks into it."""
    if source.exists():
        target.mkdir(parents=True, exist_ok=True)
        for path in source.iterdir():
            if path.is_file():
                (target / path.name).write_bytes(path.read_bytes())


@contextmanager
def _jobs(count: int, scratch: Path) -> Iterator[SimpleQueue[Job]]:
    free: SimpleQueue[Job] = SimpleQueue()
    jobs = [Job(environment_of(scratch), scratch / "jobs.log") for _ in range(count)]
    for job in jobs:
        free.put(job)
    try:
        yield free
    finally:
        for job in jobs:
            job.close()
        while not free.empty():
            job = free.get()
            if job not in jobs:
                job.close()


def environment_of(scratch: Path) -> dict[str, str]:
    """A platform of its own: SQLite in ``scratch``, no channel layer, a worker's rights, no keys of an exchange."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "deltastrangle.settings",
        "DATA_DIR": str(scratch),
        "BACKEND_LOG_PATH": str(scratch / "jobs-backend.log"),
        "CONSOLE_LOG_LEVEL": "ERROR",
        "SECRET_KEY": secrets.token_hex(32),
        "JWT_SECRET_KEY": secrets.token_hex(32),
        "STATIC_MANIFEST": "false",
        "STRANGLE_LAYOUT": "split",
        "STRANGLE_ROLE": "worker",
        "PYTHONHASHSEED": "0",
    }


def make_template(scratch: Path) -> Path:
    """An empty, migrated database, to be copied for every seed. Raises CalledProcessError."""
    template = scratch / "template.sqlite3"
    environment = {**environment_of(scratch), "DATABASE_URL": f"sqlite:///{template}"}
    command = [sys.executable, str(PROJECT / "manage.py"), "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True)
    return template
