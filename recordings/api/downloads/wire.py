"""How `downloads` names things: a call by a whole number, its recording by one file name."""

import re

from recordings.api.kit.problems import RequestInvalid

FILE_NAME = "recording.mp3"
LARGEST = 2**63 - 1

_INTEGER = re.compile(r"-?0*([0-9]{1,19})")


def number_of(text: str) -> int:
    """A whole number in decimal digits, of at most 64 bits with its sign. Raises RequestInvalid."""
    match = _INTEGER.fullmatch(text)
    if match is None or int(match[1]) > LARGEST:
        raise RequestInvalid("id must be an integer", fields={"id": "must be an integer"})
    return -int(match[1]) if text.startswith("-") else int(match[1])
