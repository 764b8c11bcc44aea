"""What the container files promise, read from the files: keys in one place, health checks everywhere, real commands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from deltastrangle.tests.house import ROOT, names_of_settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCRIPTS = sorted(path for path in (*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci/run"))


def test_only_the_worker_is_given_the_exchange_keys() -> None:
    def knows(service: dict[str, Any]) -> bool:
        given = [*service.get("secrets", ()), *service.get("environment", {})]
        return any(name.lower().startswith(("delta_api", "delta_testnet_api")) for name in given)

    assert [name for name, service in SERVICES.items() if knows(service)] == ["worker"]
    assert SERVICES["worker"]["environment"]["STRANGLE_ROLE"] == "worker"
    assert SERVICES["web"]["environment"]["STRANGLE_ROLE"] == "web"


def test_every_lasting_service_has_a_health_check() -> None:
    # The web's is in the Dockerfile.
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["web"]


def test_only_the_web_is_reached_from_outside_and_only_by_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def test_what_compose_sets_is_something_the_settings_read() -> None:
    read = set(names_of_settings((ROOT / "deltastrangle/settings.py").read_text()))
    ours = [service for name, service in SERVICES.items() if name in ("web", "worker", "migrate")]
    given = {name.removesuffix("_FILE") for service in ours for name in service["environment"]}
    assert given <= read


def test_every_secret_mounted_is_one_the_script_makes() -> None:
    script = (ROOT / "scripts/compose_secrets.sh").read_text()
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])
    assert [name for name in sorted(used) if name not in script] == []


def test_the_containers_call_commands_that_exist() -> None:
    text = " ".join(str(service.get("command", "")) + str(service.get("healthcheck")) for service in SERVICES.values())
    named = set(re.findall(r"manage\.py[', ]+(\w+)", text))
    assert named >= {"migrate", "ensure_superuser", "check", "runworker", "status"}
    assert named <= set(get_commands())


def test_the_worker_is_ours_and_not_the_stock_one() -> None:
    # The stock one dies on SIGTERM without cleanup.
    assert get_commands()["runworker"] == "trading"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_bash_that_stops_at_the_first_error(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    if script.name == "python_env.sh":
        return
    assert script.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in script.read_text()
