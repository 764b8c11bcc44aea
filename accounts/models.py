"""Users, who sign in by e-mail, their API tokens, and the audit trail of what they did."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import roles
from deltastrangle.exceptions import Conflict


class UserManager(BaseUserManager["User"]):
    """Makes and finds users with the e-mail in its stored form."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The stored form of an e-mail: without surrounding space, all lower-case."""
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> User:
        """The user who signs in as `username`, in whatever case it was typed."""
        return self.get(email=self.normalize_email(username))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a user; without a password nobody can sign in as them. Checks nothing: see `accounts.services`."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a user who may do everything (`manage.py createsuperuser`)."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who may sign in. What they may do comes from the group of their role (`accounts.roles`)."""

    email = models.EmailField("e-mail", max_length=254, unique=True)
    full_name = models.CharField(max_length=255, blank=True, default="")
    is_active = models.BooleanField("active", default=True)
    is_staff = models.BooleanField("may enter the admin site", default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_unique_in_any_case"),)
        permissions = (
            (roles.VIEW, "Can view the platform"),
            (roles.OPERATE, "Can control sessions and edit configurations"),
            (roles.MANAGE, "Can manage users and read the audit trail"),
        )

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the e-mail lower-case, whoever set it."""
        self.email = type(self).objects.normalize_email(self.email)
        super().save(*args, **kwargs)

    def get_full_name(self) -> str:
        """The name to show: the full name, or the e-mail of who gave none."""
        return self.full_name or self.email

    def get_short_name(self) -> str:
        """The first word of the name to show."""
        return self.get_full_name().split()[0]


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    """Events in bulk, as unchangeable as one by one."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Always refused."""
        raise Conflict("An audit event cannot be changed.")

    def delete(self) -> NoReturn:
        """Always refused."""
        raise Conflict("An audit event cannot be deleted.")


class AuditEvent(models.Model):
    """One thing somebody did or tried: who, what, to what, when, from where, how it ended. Written once, for good.

    The e-mail is kept as text beside the actor, so that the event still says who when the user is gone.
    """

    class Outcome(models.TextChoices):
        OK = "ok"
        REFUSED = "refused"
        FAILED = "failed"

    class Source(models.TextChoices):
        WEB = "web"
        API = "api"
        COMMAND = "command"
        ADMIN = "admin"
        ENGINE = "engine"

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="audit_events")
    actor_email = models.CharField(max_length=254, blank=True, default="")
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=200, blank=True, default="")
    outcome = models.CharField(max_length=8, choices=Outcome)
    source = models.CharField(max_length=8, choices=Source)
    ip = models.GenericIPAddressField("from address", null=True)
    correlation_id = models.CharField(max_length=128, blank=True, default="")
    detail = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")
        indexes = (
            models.Index(fields=["-at"], name="audit_at"),
            models.Index(fields=["actor_email", "-at"], name="audit_actor_at"),
            models.Index(fields=["action", "-at"], name="audit_action_at"),
            models.Index(fields=["correlation_id"], name="audit_correlation"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_email or 'system'} {self.action} {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store a new event; `Conflict` for one already stored."""
        if not self._state.adding:
            raise Conflict("An audit event cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Always refused."""
        raise Conflict("An audit event cannot be deleted.")


class ApiToken(models.Model):
    """A personal token for scripts. Only its SHA-256 (hex) is kept: the token itself is shown once, when it is made.

    `fingerprint` is the user's password's at that moment (Django's session hash): with another password the token ends.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60)
    hint = models.CharField("begins with", max_length=12)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def state(self) -> str:
        """`revoked`, `expired`, `ended` (the password has changed since) or `active`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= timezone.now():
            return "expired"
        same = constant_time_compare(self.fingerprint, self.user.get_session_auth_hash())
        return "active" if same else "ended"
