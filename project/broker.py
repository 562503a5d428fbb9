"""The embedded default's broker: a folder of messages, as kombu's `filesystem` transport but for how they get there.

kombu's own writes a message where its reader looks, so a reader that comes between the creation and the writing takes
an empty one: the message is lost, and the worker ends with a JSONDecodeError. Here it is written aside and renamed.
"""

import os
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """A message is whole as soon as a reader can see it."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]  # noqa: ARG002 - kombu's bases name the second argument each in their own way
        """Write one message; readers pass over names that begin with a dot. Raises ChannelError."""
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"  # kombu's reader sorts and filters by this name
        folder = Path(self.data_folder_out)
        aside = folder / f".{name}"
        try:
            aside.write_bytes(dumps(message).encode())
            os.replace(aside, folder / name)  # noqa: PTH105 - as pathlib's, but its name says that it is atomic
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise ChannelError(f"no message can be left in {folder}: {error.strerror}") from error


class Transport(filesystem.Transport):
    """`filesystem://`, with the channel above."""

    Channel = Channel


def install() -> None:
    """From now on `filesystem://` means the transport here."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
