"""What the authentication API takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts import scopes
from accounts.models import ApiToken, User
from accounts.permissions import role_of
from accounts.services.api_tokens import MOST_DAYS

TOKEN_FIELDS = ("id", "name", "hint", "scopes", "state", "created_at", "expires_at", "last_used_at", "revoked_at")


class UserRead(serializers.ModelSerializer[User]):
    """A user as the API shows them."""

    full_name = serializers.SerializerMethodField()
    role = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "email", "full_name", "is_active", "is_superuser", "role", "created_at", "updated_at")

    def get_full_name(self, user: User) -> str | None:
        """The name; null without one, as in the reference."""
        return user.full_name or None

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
    scope = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Narrow the tokens to these scopes (`read`, `control`, `panic`, separated by spaces).",
    )

    def asked_scopes(self) -> list[str] | None:
        """The scopes asked for; None without any, which is all that the role allows."""
        return scopes.known(self.validated_data.get("scope", "").split()) or None

    def validate_scope(self, value: str) -> str:
        """Known words only."""
        unknown = sorted(set(value.split()) - set(scopes.SCOPES))
        if unknown:
            raise serializers.ValidationError(f"Choose among {', '.join(scopes.SCOPES)}.")
        return value

    def to_internal_value(self, data: Any) -> Any:
        """Read `email` where there is no `username`."""
        if hasattr(data, "get") and not data.get("username") and data.get("email"):
            named = {name: data.get(name) for name in ("password", "scope") if data.get(name) is not None}
            data = {"username": data.get("email"), **named}
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


class ApiTokenInput(serializers.Serializer[Any]):
    """A personal token to make."""

    name = serializers.CharField(max_length=60, help_text="What it is for.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(scopes.CHOICES), allow_empty=False, max_length=len(scopes.SCOPES)
    )
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=90, help_text="How long it lives.")


class ApiTokenRead(serializers.ModelSerializer[ApiToken]):
    """A personal token, without its secret."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = serializers.ChoiceField(("active", "expired", "revoked", "ended"), read_only=True)

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = TOKEN_FIELDS


class ApiTokenMade(ApiTokenRead):
    """A personal token just made. `token` is never shown again."""

    token = serializers.CharField(read_only=True, help_text="Send it as `Authorization: Bearer …`.")

    class Meta(ApiTokenRead.Meta):
        fields = (*TOKEN_FIELDS, "token")


class ApiTokenQuery(serializers.Serializer[Any]):
    """Which page, from 1, and how long a page is."""

    page = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=200, default=50)


class ApiTokenList(serializers.Serializer[Any]):
    """A page of the caller's personal tokens, newest first, the ended ones too."""

    items = ApiTokenRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()
