"""The forms of the user admin. They check what can be checked at a field; the services decide and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from accounts import roles
from accounts.models import User
from accounts.permissions import role_of
from accounts.services import check_new_password
from deltastrangle.exceptions import InvalidInput

if TYPE_CHECKING:
    UserModelForm = forms.ModelForm[User]
else:
    UserModelForm = forms.ModelForm


class UserForm(UserModelForm):
    """A user with a role and, for a new one or where filled in, a password."""

    role = forms.ChoiceField(choices=roles.CHOICES, initial=roles.VIEWER)
    password = forms.CharField(
        required=False, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    class Meta:
        model = User
        fields = ("email", "full_name", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        new = self.instance.pk is None
        self.fields["password"].required = new
        self.fields["password"].help_text = "8 to 128 characters." if new else "Leave empty to keep the present one."
        if not new:
            self.fields["role"].initial = role_of(self.instance) or roles.VIEWER

    def clean_email(self) -> str:
        """The stored form, so that a double in another case is found here."""
        return User.objects.normalize_email(self.cleaned_data["email"])

    def clean_password(self) -> str:
        """What the service would refuse is refused at the field."""
        password = str(self.cleaned_data.get("password") or "")
        if password:
            try:
                check_new_password(password, user=self.instance)
            except InvalidInput as error:
                raise ValidationError(error.detail) from error
        return password
