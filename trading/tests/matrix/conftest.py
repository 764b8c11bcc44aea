"""A fresh stage per scenario, and a disk that is soon full."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections

from trading.tests.matrix.stage import Stage
from trading.tests.matrix.troubles import database_at

DISK = "size=24m"


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """Engine, Delta client and wire simulator at 09:25 IST, all in stepped time."""
    made = Stage()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[Path]:
    """A file system of its own with the database on it. Only root may mount one; elsewhere its test is skipped."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        await sync_to_async(connections.close_all)()
        with database_at(tmp_path / "database.sqlite3"):
            yield tmp_path
            await sync_to_async(connections.close_all)()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
