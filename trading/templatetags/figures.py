"""Filters that write figures (see ``trading.panels.formats``) and the platform's words."""

from __future__ import annotations

from django.template import Library

from trading.panels import formats, words

register = Library()

register.filter("money", formats.money)
register.filter("dollars", formats.dollars)
register.filter("percent", formats.percent)
register.filter("share", formats.share)
register.filter("price", formats.price)
register.filter("ist", formats.ist)
register.filter("ist_day_words", formats.ist_day_words)
register.filter("duration", formats.duration)
register.filter("age", formats.age)
register.filter("tone", formats.tone)
register.filter("prose", formats.prose)
register.filter("reason_words", words.reason_words)


@register.filter
def figure(value: object, places: int = 2) -> str:
    """A plain number with ``places`` decimals."""
    return formats.number(value, places)


@register.filter
def signed(value: object, places: int = 2) -> str:
    """A number with its sign and ``places`` decimals."""
    return formats.number(value, places, signed=True)


@register.filter
def ist_minute(value: object) -> str:
    """The IST time to the minute."""
    return formats.ist(value, "%H:%M")


@register.filter
def ist_full(value: object) -> str:
    """The IST day and time."""
    return formats.ist(value, "%d %b %Y, %H:%M:%S")


@register.filter
def mode_words(value: object) -> str:
    """A session's mode for people."""
    return words.MODES.get(str(value), str(value or ""))


@register.filter
def initials(value: object) -> str:
    """Up to two initials of a name or e-mail."""
    parts = str(value).split("@")[0].replace(".", " ").replace("_", " ").split()
    return "".join(part[0] for part in parts[:2]).upper() or "?"


@register.filter
def clock(seconds: object) -> str:
    """A length of time as ``HH:MM:SS``."""
    exact = formats.decimal_of(seconds)
    if exact is None:
        return formats.NONE
    minutes, left = divmod(max(0, int(exact)), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{left:02}"


@register.filter
def fee(value: object) -> str:
    """A fee as what it is: money that left, ``−$1.92``."""
    exact = formats.decimal_of(value)
    return formats.money(None if exact is None else -abs(exact))


@register.filter
def until(start: object, end: object) -> str:
    """From when to when on the IST clock, with the day of the end where it is another one: ``10:44 – 12:58``."""
    begun = formats.ist(start, "%H:%M")
    if formats.moment(end) is None:
        return begun
    pattern = "%H:%M" if formats.ist_day(start) == formats.ist_day(end) else "%d %b, %H:%M"
    return f"{begun} – {formats.ist(end, pattern)}"
