"""How often the engine does what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Cadences in wall seconds; ``speed`` is venue seconds per wall second (1 on a real venue)."""

    lease_seconds: float = 3.0
    command_poll_seconds: float = 0.5
    publish_seconds: float = 0.25
    loop_seconds: float = 0.1
    balance_seconds: float = 5.0
    sample_seconds: float = 5.0
    speed: float = 1.0
