"""A missing service skips its tests on a laptop and fails them where services are required."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deltastrangle.tests.house import ROOT

ASK = "deltastrangle/tests/test_settings.py::test_every_migration_runs_on_postgresql"


@pytest.mark.parametrize(
    ("required", "code", "said"),
    [("0", 0, "1 skipped"), ("1", 1, "REQUIRE_SERVICES=1, and PostgreSQL does not answer")],
)
def test_a_missing_postgresql(required: str, code: int, said: str) -> None:
    nowhere = {"TEST_DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "REQUIRE_SERVICES": required}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", ASK],
        cwd=ROOT,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, said in result.stdout) == (code, True), result.stdout
