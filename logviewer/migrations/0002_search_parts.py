from __future__ import annotations

from django.db import migrations

from logviewer.search import create


class Migration(migrations.Migration):
    """In place of the index of words, one that finds any part of a message."""

    dependencies = [("logviewer", "0001_logs")]

    # Backwards nothing is to be done: the first migration takes away whatever index there is.
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
