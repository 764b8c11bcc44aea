"""Pages of the trading app."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

from trading.views.configurations import configuration_urls
from trading.views.fees import fee_urls
from trading.views.history import history_urls
from trading.views.live import live_urls
from trading.views.positions import position_urls

urlpatterns: list[URLPattern | URLResolver] = [
    *live_urls,
    *position_urls,
    *history_urls,
    *configuration_urls,
    *fee_urls,
]
