"""What the authentication API takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.permissions import role_of


class UserRead(serializers.ModelSerializer[User]):
    """A user as the API shows them."""

    role = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "email", "full_name", "is_active", "is_superuser", "role", "created_at", "updated_at")

    def get_role(self, user: User) -> str:
        """`viewer`, `operator`, `admin`, or "" without a role."""
        return role_of(user)


class RegisterInput(serializers.Serializer[Any]):
    """A new account. The length of the password (8 to 128) is the service's to check, as everywhere."""

    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(trim_whitespace=False, help_text="8 to 128 characters.")
    full_name = serializers.CharField(max_length=255, required=False, allow_blank=True, allow_null=True)


class LoginInput(serializers.Serializer[Any]):
    """`username` (the e-mail; `email` is understood too) and `password`."""

    username = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)

    def to_internal_value(self, data: Any) -> Any:
        """Read `email` where there is no `username`."""
        if hasattr(data, "get") and not data.get("username") and data.get("email"):
            data = {"username": data.get("email"), "password": data.get("password", "")}
        return super().to_internal_value(data)


class RefreshInput(serializers.Serializer[Any]):
    """A refresh token."""

    refresh_token = serializers.CharField(max_length=4096)


class TokensRead(serializers.Serializer[Any]):
    """A pair of tokens and whose they are."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField(default="bearer")
    user = UserRead()
