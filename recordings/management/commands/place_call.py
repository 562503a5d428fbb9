"""manage.py place_call: a telephony engine in a box."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recordings.audio.wav import WavError, WavSource
from recordings.capture import caller
from recordings.capture.caller import CallFailedError, Leg


class Command(BaseCommand):
    help = (
        "Stream one or two WAV files to a capture URL, as a telephony engine would; two files are the two sides of "
        "a call. Prints the recording's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("wav", help="16-bit PCM WAV: the caller, or the only leg")
        parser.add_argument("wav2", nargs="?", help="16-bit PCM WAV of the same rate: the callee")
        parser.add_argument("--url", required=True, help="capture URL: from create_stream_key, or an engine's own")
        parser.add_argument("--speed", type=float, default=1.0, help="times real time; 0 is as fast as it goes")
        parser.add_argument(
            "--protocol",
            choices=caller.PROTOCOLS,
            default=caller.PROTOCOLS[0],
            help="which engine to be (default %(default)s)",
        )
        parser.add_argument("--loop", action="store_true", help="begin again at the end, until the socket is closed")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        if options["speed"] < 0:
            raise CommandError("--speed must be 0 or more")
        try:
            sources = [WavSource.open(path) for path in (options["wav"], options["wav2"]) if path]
        except (WavError, OSError) as error:
            raise CommandError(str(error)) from error
        placed = self._place(sources, options)
        self.stdout.write(placed)

    def _place(self, sources: list[WavSource], options: dict[str, Any]) -> str:
        if len({source.rate for source in sources}) != 1 or any(source.channels != 1 for source in sources):
            raise CommandError("the files must be mono and of one rate")
        protocol = options["protocol"]
        asterisk = protocol.startswith("asterisk")
        if asterisk and sources[0].rate != 8000:
            raise CommandError(f"{protocol} is a codec of 8000 Hz; the file has {sources[0].rate}")
        legs = [[source] for source in sources] if asterisk else [sources]
        try:
            return asyncio.run(self._stream(legs, options))
        except CallFailedError as error:
            raise CommandError(str(error)) from error
        finally:
            for source in sources:
                source.close()

    async def _stream(self, legs: list[list[WavSource]], options: dict[str, Any]) -> str:
        url, join = options["url"], "&" if "?" in options["url"] else "?"
        urls = [url] if len(legs) == 1 else [f"{url}{join}track=in", f"{url}{join}track=out"]
        placed = await asyncio.gather(
            *(
                caller.stream(
                    Leg(sources, options["protocol"], loop=options["loop"]),
                    address,
                    speed=options["speed"],
                    progress=self._show if address is urls[0] and self.stderr.isatty() else None,
                )
                for sources, address in zip(legs, urls, strict=True)
            )
        )
        return placed[0].recording

    def _show(self, frames: int) -> None:
        self.stderr.write(f"\r{frames / 8000:8.1f} s sent", ending="")
