"""How the API's description names the bearer scheme."""

from __future__ import annotations

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """`BearerAuthentication` in the OpenAPI document."""

    target_class: Any = "accounts.api.authentication.BearerAuthentication"
    name = "bearer"
