"""manage.py doctor: one page of truth."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from recordings import readiness

SHOWN = ("DATA_DIR", "STORAGE", "STORAGE_ROOT", "MEDIA_ENGINE", "WAVSTREAM_URL", "PUBLIC_URL", "RECORDING_BASE_URL")


class Command(BaseCommand):
    help = "Check database, broker, storage, capture and backlog. The exit status is 1 where something is wrong."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        findings = readiness.check(backlog=True)
        for finding in findings:
            mark = self.style.SUCCESS("good") if finding.good else self.style.ERROR("BAD ")
            self.stdout.write(f"{mark}  {finding.name:<11} {finding.sentence}")
        for name in SHOWN:
            self.stdout.write(f"      {name:<20} {getattr(settings, name) or '(not set)'}")
        if not all(finding.good for finding in findings):
            sys.exit(1)
