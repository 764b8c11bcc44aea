"""`manage.py create_user`: make an account from the command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import roles, services
from deltastrangle.exceptions import ApplicationError


class Command(BaseCommand):
    """Make a user with a role; the password comes from a file, from standard input, or from a prompt."""

    help = "Make a user with a role."

    def add_arguments(self, parser: CommandParser) -> None:
        """No option takes the password itself: it would show in the process list and in the shell's history."""
        parser.add_argument("--email", required=True)
        parser.add_argument("--role", choices=list(roles.ROLES), default=roles.VIEWER)
        parser.add_argument("--full-name", default="")
        parser.add_argument("--password-file", help="a file with the password, or - for standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the user, or say what is wrong and exit with 1."""
        password = _from_file(options["password_file"]) if options["password_file"] else _asked()
        try:
            user = services.create_user(
                actor=None,
                email=options["email"],
                password=password,
                role=options["role"],
                full_name=options["full_name"],
                source="command",
            )
        except ApplicationError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Made {user.email} ({options['role']}).")


def _from_file(path: str) -> str:
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"Cannot read the password from {path}: {error}") from error
    return text.rstrip("\r\n")


def _asked() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
