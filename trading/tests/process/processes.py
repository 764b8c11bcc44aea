"""Real processes of the platform for tests: started in groups of their own, watched from outside, never left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final, TypeVar

PROJECT: Final = Path(__file__).resolve().parents[3]
LOOK_SECONDS: Final = 0.05
KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
PR_SET_PDEATHSIG: Final = 1
LIBC: Final = ctypes.CDLL(None)
T = TypeVar("T")


def _as_a_child_of_tests() -> None:
    """Runs in the child. A test run in the background ignores Ctrl-C, which would be inherited; and one that is killed
    itself cannot clean up, so that on Linux its children die with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running process, the leader of its own group; what it prints goes into ``log``."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        self.started = time.monotonic()
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                argv,
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_as_a_child_of_tests,
            )

    @property
    def pid(self) -> int:
        """Its id, and its group's."""
        return self._popen.pid

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait(self, seconds: float = 20.0) -> int:
        """Its exit code, once it ends by itself. AssertionError when it does not."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.output[-3000:]}") from None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def terminate(self, seconds: float = 20.0) -> int:
        """Send SIGTERM and return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """``kill -9`` for the whole group; nothing when it is gone already."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


class Platform:
    """An installation on a data directory of its own, and the processes that were started on it."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.environment = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "DATA_DIR": str(data),
            "BACKEND_LOG_PATH": str(data / "backend.log"),
            "SECRET_KEY": "process-tests-secret-key-of-more-than-fifty-characters",
            "JWT_SECRET_KEY": "process-tests-jwt-secret-key-of-more-than-fifty-characters",
            "STATIC_MANIFEST": "false",
            "SIMULATED_VENUE_SPEED": "60",
            **environment,
        }
        self._processes: list[Process] = []
        self._resources = ExitStack()

    def start(self, *argv: str, **environment: str) -> Process:
        """Start ``argv``; a first word ``manage.py`` is run by this Python."""
        command = (sys.executable, *argv) if argv[0].endswith(".py") else argv
        log = self.data / f"process-{len(self._processes)}.log"
        process = Process(command, {**self.environment, **environment}, log)
        self._processes.append(process)
        return process

    def run(self, *argv: str, seconds: float = 60.0, **environment: str) -> Process:
        """Start ``argv`` and wait until it has ended."""
        process = self.start(*argv, **environment)
        process.wait(seconds)
        return process

    def worker(self, **environment: str) -> Process:
        """The trading process of the split layout."""
        split = {"STRANGLE_LAYOUT": "split", "STRANGLE_ROLE": "worker", **environment}
        return self.start("manage.py", "runworker", "strangle-engine", **split)

    def keep(self, resource: AbstractContextManager[object]) -> None:
        """Close this when the test is over."""
        self._resources.enter_context(resource)

    def close(self) -> None:
        """Leave no process and no connection behind."""
        for process in self._processes:
            process.kill()
        self._resources.close()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], T | None], what: str, *, seconds: float = 20.0, of: Process | None = None) -> T:
    """What ``look`` returns as soon as it is true. AssertionError after ``seconds``, with what ``of`` has printed."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            said = f"\n{of.output[-3000:]}" if of else ""
            raise AssertionError(f"not within {seconds} s: {what}{said}")
        time.sleep(LOOK_SECONDS)
