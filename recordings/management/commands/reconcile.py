"""manage.py reconcile: one round of the sweep, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from recordings import reconcile


class Command(BaseCommand):
    help = "Look once at everything that may be due, as the scheduled sweep does every five seconds."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        for name, count in reconcile.sweep().items():
            self.stdout.write(f"{name}: {count}")
