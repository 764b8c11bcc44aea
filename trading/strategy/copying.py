"""Objects of the hot path, made several times as fast as a frozen dataclass with slots makes them: at every quote a few
states are copied and a dozen values are made.

A state is a frozen dataclass *without* slots: copying its ``__dict__`` is one step however many fields it has, and what
is derived of its fields (``functools.cached_property``) is kept there. A value that lives for one look is ``passing``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
_NEW = object.__new__
_SET = object.__setattr__


@dataclass_transform(frozen_default=True)
def passing(cls: type[T]) -> type[T]:
    """A dataclass with slots that the type checker holds for frozen. At run time nothing does: each frozen field costs
    as much as a product of two Decimals.
    """
    return dataclass(slots=True)(cls)


def altered(source: T, **changes: Any) -> T:
    """``source`` with other values in some fields; what was derived is forgotten. TypeError for a field that it has
    not, or a class of another kind.
    """
    cls: Any = type(source)
    known, derived = _shape(cls)
    values = source.__dict__.copy()
    for name in derived:
        values.pop(name, None)
    values.update(changes)
    if not changes.keys() <= known:
        unknown = ", ".join(repr(name) for name in changes if name not in known)
        raise TypeError(f"{cls.__name__} has no field {unknown}.")
    copy: T = made(cls, values)
    return copy


def made(cls: type[T], values: dict[str, Any]) -> T:
    """An instance that has ``values`` for its own, without a look at them."""
    new = _NEW(cls)
    _SET(new, "__dict__", values)
    return new


@cache
def _shape(cls: Any) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names of the fields, and of what is derived of them."""
    names = [field.name for field in fields(cls)]
    if hasattr(cls, "__post_init__") or any(hasattr(getattr(cls, name, None), "__set__") for name in names):
        raise TypeError(f"{cls.__name__} is no plain dataclass without slots.")
    return frozenset(names), tuple(name for name, value in cls.__dict__.items() if isinstance(value, cached_property))
