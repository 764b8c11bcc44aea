"""Tags that put the live panels into a page."""

from __future__ import annotations

import uuid
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.template import Context, Library
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.permissions import can_operate, can_view
from trading.panels import render_panel
from trading.panels.account import account_panel as account_rows
from trading.panels.control import control
from trading.panels.drawer import drawer
from trading.panels.records import Records, Runtime, load
from trading.selectors.positions import account_view
from trading.selectors.runtime import current_runtime

register = Library()
CURRENT: Final = mark_safe(' aria-current="page"')


def _runtime(context: Context) -> Runtime:
    """The page's runtime picture, read once per page."""
    if context.get("runtime") is None:
        context.dicts[0]["runtime"] = current_runtime()
    return context["runtime"]  # type: ignore[no-any-return]


def _records(context: Context) -> Records:
    if context.get("records") is None:
        context.dicts[0]["records"] = load(_runtime(context))
    return context["records"]  # type: ignore[no-any-return]


@register.simple_tag(takes_context=True)
def panel(context: Context, name: str, oob: bool = False) -> SafeString:
    """A pushed panel of the page's runtime picture."""
    return render_panel(name, _runtime(context), _records(context), oob=oob)


@register.simple_tag(takes_context=True)
def bar_status(context: Context) -> SafeString | str:
    """Phase, mode, data age and clock in the bar, for who may see them."""
    if not can_view(context.get("user") or AnonymousUser()):
        return ""
    return render_panel("bar", _runtime(context), Records())


@register.simple_tag(takes_context=True)
def panic_form(context: Context, oob: bool = False) -> SafeString | str:
    """The PANIC button with its form, for operators."""
    if not can_operate(context.get("user") or AnonymousUser()):
        return ""
    return render_to_string("trading/panels/_panic.html", _form_context(context, oob=oob))


@register.simple_tag(takes_context=True)
def control_panel(context: Context, oob: bool = False) -> SafeString:
    """The control panel of this user."""
    operator = can_operate(context.get("user") or AnonymousUser())
    buttons = control(_runtime(context), _records(context), operator=operator)
    return render_to_string("trading/panels/_control.html", {**_form_context(context, oob=oob), **buttons})


@register.simple_tag(takes_context=True)
def alert_drawer(context: Context, oob: bool = False) -> SafeString:
    """The alerts that wait for somebody to acknowledge them, with the buttons for operators."""
    operator = can_operate(context.get("user") or AnonymousUser())
    shown = drawer(_runtime(context), operator=operator)
    given = {**shown, "csrf_token": context.get("csrf_token"), "oob": oob}
    return render_to_string("trading/panels/_drawer.html", given)


@register.simple_tag(takes_context=True)
def account_panel(context: Context, oob: bool = False, when: str = "") -> SafeString | str:
    """The account panel of this user; with ``when`` only while the account is in that state: trouble or calm."""
    if context.get("account") is None:
        context.dicts[0]["account"] = account_view()
    account = context["account"]
    if when and when != ("trouble" if account.troubled else "calm"):
        return ""
    rows = account_rows(account, operator=can_operate(context.get("user") or AnonymousUser()))
    return render_to_string("trading/panels/_account.html", {**_form_context(context, oob=oob), **rows})


def _form_context(context: Context, *, oob: bool) -> dict[str, Any]:
    shared = {name: context.get(name) for name in ("csrf_token", "runtime", "records")}
    return {**shared, "oob": oob, "key": uuid.uuid4().hex}


@register.simple_tag(takes_context=True)
def nav_link(context: Context, name: str, label: str) -> SafeString | str:
    """A link of the main navigation, marked when the page is at or below it."""
    try:
        url = reverse(name)
    except NoReverseMatch:
        return ""
    path = getattr(context.get("request"), "path", "")
    current = path == url or (url != "/" and path.startswith(url))
    return format_html('<a href="{}"{}>{}</a>', url, CURRENT if current else "", label)
