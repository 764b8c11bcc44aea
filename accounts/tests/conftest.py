"""What the tests of this app share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts import roles
from accounts.models import User
from accounts.services import create_user

MakeUser = Callable[..., User]
PASSWORD = "correct horse 7 battery"


@pytest.fixture
def make_user(db: None) -> MakeUser:
    """Makes users through the service: `make_user("operator")`."""

    def make(role: str = roles.VIEWER, email: str = "", password: str = PASSWORD) -> User:
        return create_user(
            actor=None, email=email or f"{role}@example.com", password=password, role=role, source="command"
        )

    return make
