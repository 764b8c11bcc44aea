"""A template of workers: everything imported, nothing open. Each worker is a fork of it, a process of its own.

Forking takes milliseconds where a cold start takes a second and a half; how long a cold start takes until it guards is
measured elsewhere (``trading/tests/process/test_killed_worker.py``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from dataclasses import asdict
from typing import Any

from trading.chaos.worker import Birth, live

LARGEST_ORDER = 65_536


class Zygote:
    """The template, seen from the process that orders workers. Make it before threads, loops and connections."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._line = ours

    def bear(self, birth: Birth) -> tuple[int, socket.socket]:
        """A new worker: its process id, and the line to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._line, [json.dumps(asdict(birth)).encode()], [theirs.fileno()])
        return int(self._answer()["pid"]), ours

    def bury(self, pid: int) -> int:
        """Wait for a worker's end; the signal that ended it, 0 when it went by itself without error."""
        self._line.send(json.dumps({"bury": pid}).encode())
        return int(self._answer()["signal"])

    def close(self) -> None:
        """End the template."""
        self._line.close()
        os.waitpid(self.pid, 0)

    def _answer(self) -> dict[str, Any]:
        return dict(json.loads(self._line.recv(LARGEST_ORDER)))


def _serve(line: socket.socket) -> None:
    """In the template: fork and bury on demand; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        order, files, _, _ = socket.recv_fds(line, LARGEST_ORDER, 1)
        if not order:
            os._exit(0)
        said = json.loads(order)
        if "bury" in said:
            _, status = os.waitpid(said["bury"], 0)
            signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
            line.send(json.dumps({"signal": signalled}).encode())
            continue
        pid = os.fork()
        if pid == 0:
            line.close()
            _be_worker(Birth(**said), socket.socket(fileno=files[0]))
        os.close(files[0])
        line.send(json.dumps({"pid": pid}).encode())


def _be_worker(birth: Birth, driver: socket.socket) -> None:
    """In the fork: live, then leave without what the template would do at its exit."""
    code = 0
    try:
        live(birth, driver)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)
