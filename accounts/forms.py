"""The forms of the login and the password pages."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.services.passwords import LONGEST, SHORTEST


class LoginForm(forms.Form):
    """An e-mail and a password, not yet checked against anything."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class PasswordForm(forms.Form):
    """The current password, and the new one twice."""

    current_password = forms.CharField(
        label="Current password",
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    new_password = forms.CharField(
        label="New password",
        strip=False,
        help_text=f"{SHORTEST} to {LONGEST} characters, not a common word and not your e-mail.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    new_password_again = forms.CharField(
        label="New password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Both new passwords must be the same; whether it is good enough is the service's to say."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "new_password_again" in data and data["new_password_again"] != data.get("new_password"):
            self.add_error("new_password_again", "The two new passwords differ.")
        return data
