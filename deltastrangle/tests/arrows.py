"""The one direction of imports, as a table: who may import whom (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Iterator

# The first word after `trading.` is the room; a room may import itself and the rooms listed. What is not listed here is
# a skin (views, api, panels, consumers, admin, worker): it may import all but venues, and no room imports it.
_TABLE = {"strategy", "configuration_spec", "configuration_fields", "configuration_rules"}
_STORED = {*_TABLE, "engine", "models", "params"}
_WRITES = {*_STORED, "lease", "ledger_writes", "opening", "publish", "notify", "lockouts", "account_store"}
_SERVED = {*_WRITES, "store", "nudge", "selectors"}
ROOMS: dict[str, set[str]] = {
    "strategy": set(),
    "engine": {"strategy"},
    "venues": {"strategy", "engine"},
    "configuration_spec": {"strategy"},
    "configuration_fields": {"strategy", "configuration_spec"},
    "configuration_rules": {"strategy", "configuration_spec", "configuration_fields"},
    "models": _TABLE,
    "params": {*_TABLE, "models"},
    "store": _WRITES,
    "account_store": {*_STORED, "lease"},
    "lease": _STORED,
    "ledger_writes": _STORED,
    "opening": _STORED,
    "publish": _STORED,
    "notify": _STORED,
    "lockouts": {*_STORED, "notify"},
    "nudge": {"models"},
    "selectors": _STORED,
    "services": _SERVED,
}
# Only the worker, what builds its venues, and commands may know a venue; pages and services never do.
GUARDED = {
    "venues": {"venues", "venue_factory", "management", "chaos"},
    "venue_factory": {"worker", "management"},
    "worker": {"management"},
    "chaos": {"management"},
}
# What the pure parts may take from outside of trading: nothing, or next to it.
WITHOUT_DJANGO = {"strategy": set[str](), "engine": {"deltastrangle.logs"}, "venues": {"deltastrangle.logs"}}
FRAMEWORKS = {"django", "rest_framework", "channels", "asgiref", "daphne"}
# Which other apps an app may import, by the prefix of the module.
ACROSS = {
    "accounts": ("deltastrangle",),
    "logviewer": ("deltastrangle", "accounts"),
    "analytics": ("deltastrangle", "accounts", "trading.selectors"),
    "trading": ("deltastrangle", "accounts"),
    "deltastrangle": (),
}
# The entry points that tie the apps together.
COMPOSES = {"deltastrangle.asgi", "deltastrangle.urls"}


def within(name: str, prefix: str) -> bool:
    """Whether `name` is `prefix` or inside it."""
    return name == prefix or name.startswith(f"{prefix}.")


def forbidden_imports(module: str, imported: list[tuple[int, str]]) -> Iterator[str]:
    """A sentence for every import of `module` that goes against the arrows."""
    for line, target in imported:
        reason = _across(module, target) or _inside(module, target) or _outside(module, target)
        if reason:
            yield f"{module}:{line} imports {target}: {reason}"


def _across(module: str, target: str) -> str:
    app, other = module.split(".")[0], target.split(".")[0]
    if app == other or app not in ACROSS or other not in ACROSS or module in COMPOSES:
        return ""
    if any(within(target, prefix) for prefix in ACROSS[app]):
        return ""
    return f"{app} may know {', '.join(ACROSS[app]) or 'no other app'}"


def _inside(module: str, target: str) -> str:
    if not within(module, "trading") or not within(target, "trading"):
        return ""
    source, goal = _room(module), _room(target)
    if source == goal or not goal:
        return ""
    if goal in GUARDED and source not in GUARDED[goal]:
        return f"only {' and '.join(sorted(GUARDED[goal]))} may know {goal}"
    if source not in ROOMS or goal in ROOMS[source]:
        return ""
    return f"{source} may know {', '.join(sorted(ROOMS[source])) or 'no other room'}"


def _outside(module: str, target: str) -> str:
    if not within(module, "trading"):
        return ""
    allowed = WITHOUT_DJANGO.get(_room(module))
    if allowed is None:
        return ""
    root = target.split(".")[0]
    if root in FRAMEWORKS:
        return f"{_room(module)} is free of frameworks"
    known = root in ACROSS and root != "trading"
    return f"{_room(module)} knows nothing of {root}" if known and not any(within(target, a) for a in allowed) else ""


def _room(name: str) -> str:
    return [*name.split("."), ""][1]
