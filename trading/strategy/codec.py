"""Frozen dataclasses to JSON and back, driven by their annotations: for tapes, stored states and hashes.

Decimals are strings, datetimes ISO 8601 in UTC with a ``Z``, dates ISO, enums their values, tuples arrays, mappings
objects. Where a dataclass may be one of several, and at the top, its name is under ``"$"``. Values annotated ``object``
keep their type by a one-key wrapper. The same object always gives the same text. Codecs of a type are compiled once.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, overload

TAG = "$"
T = TypeVar("T")
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


class CodecError(ValueError):
    """A value does not fit its annotation, or a text does not describe the expected type."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How one annotation is written to and read from JSON values."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def dumps(obj: object) -> str:
    """One line of JSON for a dataclass instance. CodecError when it holds what its annotations do not allow."""
    cls: Any = type(obj)
    codec = _tagged((cls,))
    try:
        return _ENCODER.encode(codec.encode(obj))
    except (TypeError, AttributeError) as error:
        raise CodecError(f"{type(obj).__name__} cannot be written: {error}") from error


def same_text(one: Any, other: Any) -> bool:
    """Whether ``dumps`` would write both alike, without writing them: two states that follow each other share most of
    what they are made of.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is tuple:
        return len(one) == len(other) and all(map(same_text, one, other))
    if is_dataclass(kind):
        return all(same_text(getattr(one, name), getattr(other, name)) for name in _field_names(kind))
    return one == other and str(one) == str(other)


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@overload
def loads(cls: type[T], text: str) -> T: ...
@overload
def loads(cls: UnionType, text: str) -> Any: ...
def loads(cls: Any, text: str) -> Any:
    """The object that :func:`dumps` wrote; ``cls`` is its class or a union of classes. CodecError says what does not
    fit.
    """
    members = typing.get_args(cls) if isinstance(cls, UnionType) else (cls,)
    try:
        return _tagged(members).decode(json.loads(text))
    except (TypeError, KeyError, ArithmeticError, AttributeError) as error:
        raise CodecError(f"Cannot be read as {_names(members)}: {error!r}") from error


@cache
def _codec(hint: Any) -> Codec:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Codec(lambda value: hint(value).value, hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    origin = typing.get_origin(hint)
    if origin in (UnionType, typing.Union):
        return _union(typing.get_args(hint))
    if origin is tuple:
        return _tuple(typing.get_args(hint))
    if origin in (Mapping, dict):
        return _mapping(*typing.get_args(hint))
    raise CodecError(f"No codec for {hint!r}.")


def _dataclass(cls: Any) -> Codec:
    # Looked up on first use and not here, so that a class may refer to itself.
    @cache
    def members() -> tuple[tuple[str, Codec, bool], ...]:
        hints = typing.get_type_hints(cls)
        return tuple(
            (f.name, _codec(hints[f.name]), f.default is MISSING and f.default_factory is MISSING) for f in fields(cls)
        )

    @cache
    def writers() -> tuple[tuple[str, Callable[[Any], Any]], ...]:
        return tuple((name, codec.encode) for name, codec, _ in members())

    @cache
    def names() -> frozenset[str]:
        return frozenset(name for name, _, _ in members())

    def encode(value: Any) -> Any:
        if type(value) is not cls:
            raise CodecError(f"Expected {cls.__name__}, got {type(value).__name__}.")
        return {name: write(getattr(value, name)) for name, write in writers()}

    def decode(raw: Any) -> Any:
        found = _expect(raw, dict, cls.__name__)
        unknown = sorted(key for key in found if key != TAG and key not in names())
        missing = [name for name, _, required in members() if required and name not in found]
        if unknown or missing:
            raise CodecError(f"{cls.__name__}: unknown fields {unknown}, missing fields {missing}.")
        return cls(**{name: codec.decode(found[name]) for name, codec, _ in members() if name in found})

    return Codec(encode, decode)


@cache
def _tagged(members: tuple[Any, ...]) -> Codec:
    by_name = {member.__name__: member for member in members}
    if not all(is_dataclass(member) for member in members) or len(by_name) != len(members):
        raise CodecError(f"Not distinct dataclasses: {_names(members)}.")

    def encode(value: Any) -> Any:
        cls = type(value)
        if by_name.get(cls.__name__) is not cls:
            raise CodecError(f"Expected {_names(members)}, got {cls.__name__}.")
        return {TAG: cls.__name__, **_codec(cls).encode(value)}

    def decode(raw: Any) -> Any:
        name = _expect(raw, dict, _names(members)).get(TAG)
        if name not in by_name:
            raise CodecError(f"Expected {_names(members)}, got {name!r}.")
        return _codec(by_name[name]).decode(raw)

    return Codec(encode, decode)


def _union(members: tuple[Any, ...]) -> Codec:
    rest = tuple(member for member in members if member is not NoneType)
    inner = _codec(rest[0]) if len(rest) == 1 else _tagged(rest)
    if len(rest) == len(members):
        return inner
    return Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda raw: None if raw is None else inner.decode(raw),
    )


def _tuple(members: tuple[Any, ...]) -> Codec:
    if len(members) == 2 and members[1] is Ellipsis:
        inner = _codec(members[0])
        return Codec(
            lambda value: [inner.encode(item) for item in _expect(value, tuple, "tuple")],
            lambda raw: tuple(inner.decode(item) for item in _expect(raw, list, "array")),
        )
    codecs = tuple(_codec(member) for member in members)
    return Codec(
        lambda value: [c.encode(item) for c, item in _pairs(codecs, _expect(value, tuple, "tuple"))],
        lambda raw: tuple(c.decode(item) for c, item in _pairs(codecs, _expect(raw, list, "array"))),
    )


def _mapping(key_hint: Any, value_hint: Any) -> Codec:
    key, value = _codec(key_hint), _codec(value_hint)
    if key_hint is int:
        key = Codec(str, int)

    def encode(found: Any) -> Any:
        if value_hint is object and key_hint is str:
            return _encode_object_mapping(found)
        return {key.encode(k): value.encode(v) for k, v in found.items()}

    def decode(raw: Any) -> Any:
        if value_hint is object and key_hint is str:
            return _decode_object(raw)
        return {key.decode(k): value.decode(v) for k, v in _expect(raw, dict, "object").items()}

    return Codec(encode, decode)


def _encode_object(value: Any) -> Any:
    if isinstance(value, Enum):
        return _encode_object(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$datetime": _write_instant(value)}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, tuple):
        return {"$tuple": [_encode_object(item) for item in value]}
    if isinstance(value, list):
        return [_encode_object(item) for item in value]
    if isinstance(value, Mapping):
        return _encode_object_mapping(value)
    raise CodecError(f"A {type(value).__name__} cannot be written where any object is allowed.")


def _encode_object_mapping(value: Mapping[Any, Any]) -> Any:
    items = [(_expect(key, str, "text key"), _encode_object(item)) for key, item in value.items()]
    # A key that looks like a wrapper would be read back as one.
    if any(key.startswith(TAG) for key, _ in items):
        return {"$map": [[key, item] for key, item in items]}
    return dict(items)


def _decode_object(raw: Any) -> Any:
    if isinstance(raw, list):
        return [_decode_object(item) for item in raw]
    if not isinstance(raw, dict):
        return raw
    if len(raw) == 1:
        (key, value) = next(iter(raw.items()))
        if key in _WRAPPERS:
            return _WRAPPERS[key](value)
    return {key: _decode_object(item) for key, item in raw.items()}


def _write_instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise CodecError(f"{value!r} has no time zone.")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_instant(raw: Any) -> datetime:
    value = datetime.fromisoformat(_expect(raw, str, "instant"))
    if value.tzinfo is None:
        raise CodecError(f"{raw!r} has no time zone.")
    return value.astimezone(UTC)


def _expect(value: Any, kind: type, label: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CodecError(f"Expected {label}, got {type(value).__name__}.")
    return value


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CodecError(f"Expected a number, got {type(value).__name__}.")
    return float(value)


def _pairs(codecs: tuple[Codec, ...], items: Any) -> list[tuple[Codec, Any]]:
    if len(codecs) != len(items):
        raise CodecError(f"Expected {len(codecs)} items, got {len(items)}.")
    return list(zip(codecs, items, strict=True))


def _names(members: tuple[Any, ...]) -> str:
    return " or ".join(getattr(member, "__name__", repr(member)) for member in members)


def _same(kind: type, label: str) -> Codec:
    return Codec(
        lambda value: value if type(value) is kind else _expect(value, kind, label),
        lambda raw: raw if type(raw) is kind else _expect(raw, kind, label),
    )


_PLAIN: dict[Any, Codec] = {
    str: _same(str, "text"),
    bool: _same(bool, "a boolean"),
    int: _same(int, "a whole number"),
    float: Codec(_number, _number),
    Decimal: Codec(
        lambda v: str(v if type(v) is Decimal else _expect(v, Decimal, "Decimal")),
        lambda raw: Decimal(_expect(raw, str, "decimal text")),
    ),
    datetime: Codec(_write_instant, _read_instant),
    date: Codec(lambda v: v.isoformat(), lambda raw: date.fromisoformat(_expect(raw, str, "date text"))),
    object: Codec(_encode_object, _decode_object),
    Any: Codec(_encode_object, _decode_object),
}

_WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "$decimal": lambda raw: Decimal(raw),
    "$datetime": _read_instant,
    "$date": lambda raw: date.fromisoformat(raw),
    "$tuple": lambda raw: tuple(_decode_object(item) for item in raw),
    "$map": lambda raw: {key: _decode_object(item) for key, item in raw},
}
