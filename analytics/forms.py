"""The query of the analytics page."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any, Final

from django import forms

from analytics.selectors.scope import ALL, MODES, PRESETS, Wish
from analytics.stats import IST
from trading.selectors.analytics_source import EXIT_REASONS
from trading.selectors.configurations import list_configurations

USUAL: Final = "30D"
CUSTOM: Final = "custom"
RANGES: Final = [*((name, f"{days} days") for name, days in PRESETS.items()), (CUSTOM, "Custom")]
MODE_WORDS: Final = {"live": "Live money", "testnet": "Testnet", "dry_run": "Dry run", "paper": "Paper"}
AUTOMATIC: Final = ("", "Automatic")


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class ScopeForm(forms.Form):
    """Range and filters. A field that cannot be read says so and filters nothing; dates count with the custom range."""

    preset = forms.ChoiceField(label="Range", required=False, choices=RANGES)
    start = _day("From, IST")
    end = _day("To, IST")
    mode = forms.ChoiceField(
        required=False, choices=[AUTOMATIC, *((name, MODE_WORDS[name]) for name in MODES), (ALL, "All, mixed")]
    )
    configuration = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    revision = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    exit_reason = forms.ChoiceField(label="Exit reason", required=False)
    auto = forms.BooleanField(label="Refresh every 10 s", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(found.pk), found.name) for found in list_configurations()]
        self._choices("configuration", named)
        self._choices("exit_reason", [(name, name.replace("_", " ").capitalize()) for name in EXIT_REASONS])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Any"), *choices]

    def wish(self) -> Wish:
        """What the query asks for."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        preset = given.get("preset") or (CUSTOM if "start" in given or "end" in given else USUAL)
        is_dated = preset == CUSTOM
        return Wish(
            mode=given.get("mode", ""),
            start=_first(given.get("start")) if is_dated else None,
            end=_last(given.get("end")) if is_dated else None,
            preset="" if is_dated else preset,
            configuration_id=given.get("configuration"),
            revision=given.get("revision"),
            exit_reason=given.get("exit_reason", ""),
        )

    @property
    def is_automatic(self) -> bool:
        """Whether the page asks again by itself."""
        return bool(self.cleaned_data.get("auto"))


def _first(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, IST).astimezone(UTC)


def _last(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time.max, IST).astimezone(UTC)
