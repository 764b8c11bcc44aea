"""Installations for the process tests: one is made, and every test gets a copy of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from trading.tests.process.eyes import Eyes
from trading.tests.process.processes import Platform

NewPlatform = Callable[..., Platform]


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with tables, an operator and configurations."""
    data = tmp_path_factory.mktemp("installation")
    platform = Platform(data)
    process = platform.run(sys.executable, "-m", "trading.tests.process.installation")
    assert process.wait() == 0, process.output
    return data


@pytest.fixture
def bare_platform(tmp_path: Path) -> Iterator[NewPlatform]:
    """Makes a platform with nothing in it, given environment variables; whatever it started is killed in the end."""
    with ExitStack() as stack:

        def make(**environment: str) -> Platform:
            data = tmp_path / "data"
            data.mkdir()
            platform = Platform(data, **environment)
            stack.callback(platform.close)
            return platform

        yield make


@pytest.fixture
def new_platform(installation: Path, bare_platform: NewPlatform) -> NewPlatform:
    """Makes a platform on a copy of the installation."""

    def make(**environment: str) -> Platform:
        platform = bare_platform(**environment)
        shutil.copytree(installation, platform.data, dirs_exist_ok=True)
        return platform

    return make


@pytest.fixture
def platform(new_platform: NewPlatform) -> Platform:
    """A platform on SQLite whose venue runs at sixty times real time."""
    return new_platform()


@pytest.fixture
def eyes(platform: Platform) -> Eyes:
    """Reads what ``platform`` holds."""
    return Eyes(platform.data)
