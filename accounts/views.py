"""Sign in, sign out, change one's password. Plain forms; nothing here needs JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import services
from accounts.forms import LoginForm, PasswordForm
from accounts.models import User
from deltastrangle.exceptions import ApplicationError, InvalidInput


class LoginView(auth_views.LoginView):
    """The login page. Afterwards the visitor is back at `?next=`, if that is a page of this site."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def get_form_class(self) -> type[Any]:
        """Our form, which leaves the checking to the service."""
        return LoginForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """Without the request that Django's own login form asks for."""
        kwargs = super().get_form_kwargs()
        del kwargs["request"]
        return kwargs

    def form_valid(self, form: Any) -> HttpResponse:
        """Start a session, or say why not: 401 wrong, 403 disabled, 429 locked out."""
        given = form.cleaned_data
        try:
            user = services.authenticate_user(request=self.request, email=given["email"], password=given["password"])
        except services.LockedOut as locked:
            return locked_out(self.request, locked)
        except ApplicationError as refusal:
            form.add_error(None, refusal.detail)
            return self.render_to_response(self.get_context_data(form=form), status=refusal.status)
        login(self.request, user)
        return redirect(self.get_success_url())


class LogoutView(auth_views.LogoutView):
    """Ends the session on POST and returns to the login page."""


def locked_out(request: HttpRequest, locked: services.LockedOut) -> HttpResponse:
    """The page that says when to try again (429 with `Retry-After`)."""
    response = render(request, "accounts/locked_out.html", {"locked": locked}, status=locked.status)
    response["Retry-After"] = str(locked.retry_after)
    return response


if TYPE_CHECKING:
    PasswordFormView = FormView[PasswordForm]
else:
    PasswordFormView = FormView


@method_decorator([sensitive_post_parameters(), never_cache, login_required], name="dispatch")
class PasswordChangeView(PasswordFormView):
    """Change one's own password; this session goes on, all others end."""

    template_name = "accounts/password_change.html"
    form_class = PasswordForm

    def form_valid(self, form: PasswordForm) -> HttpResponse:
        """Change it, or show the service's objection at its field."""
        user = self.request.user
        assert isinstance(user, User)
        given = form.cleaned_data
        try:
            services.change_password(
                user=user, current=given["current_password"], new=given["new_password"], request=self.request
            )
        except InvalidInput as refusal:
            for field, problems in (refusal.fields or {}).items():
                form.add_error(field, problems)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, user)
        messages.success(self.request, "Your password is changed. Other sessions and API tokens have ended.")
        return redirect("accounts:password-change")
