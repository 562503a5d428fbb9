"""manage.py capture: the process that takes call audio from engines."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from recordings.capture import server


class Command(BaseCommand):
    help = "Take call audio over WebSockets, spool it, and bring it to storage. Runs until SIGTERM, then drains."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.CAPTURE_HOST, help="address to listen on (CAPTURE_HOST)")
        parser.add_argument(
            "--port", type=int, default=settings.CAPTURE_PORT, help="port to listen on (CAPTURE_PORT); 0 picks one"
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        host = options["host"]
        server.serve(host=host, port=options["port"], ready=lambda port: self._ready(host, port))

    def _ready(self, host: str, port: int) -> None:
        self.stderr.write(f"capture listens on {host}:{port}")
