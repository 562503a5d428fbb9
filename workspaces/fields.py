"""Reading what a caller wrote in JSON, field by field, without believing any of it.

null, "", 0 and the zero UUID mean that a field is not set. Unknown fields are not looked at. What cannot be is
FieldInvalid, which names the field by its path: `actions[2].option.duration`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from workspaces.errors import FieldInvalid, FieldMissing

ZERO = UUID(int=0)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
TEXT_LENGTH = 200


class Fields:
    """The fields of one JSON object; `path` is where it stands in the body, "" for the body itself."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self.path = path

    def __contains__(self, name: str) -> bool:
        """Whether the field was given at all: a PUT leaves alone what was not."""
        return name in self._values

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, *, longest: int = TEXT_LENGTH, needed: bool = False) -> str:
        """Text of at most `longest` characters; "" where it is not set."""
        value = self._values.get(name)
        if value is None or value == "":
            if needed:
                raise FieldMissing(self.at(name))
            return ""
        if not isinstance(value, str):
            raise FieldInvalid(self.at(name), "must be text")
        if len(value) > longest or _UNSTORABLE.search(value):
            raise FieldInvalid(self.at(name), f"must be text of at most {longest} characters, without NUL")
        return value

    def choice(self, name: str, options: Collection[str], *, default: str) -> str:
        value = self.text(name) or default
        if value not in options:
            raise FieldInvalid(self.at(name), f"must be one of {', '.join(filter(None, options))}")
        return value

    def whole(self, name: str, *, most: int) -> int:
        """A whole number from 0 to `most`; 0 where it is not set."""
        value = self._values.get(name)
        if value is None or value == "":
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise FieldInvalid(self.at(name), f"must be a whole number from 0 to {most}")
        return value

    def uuid(self, name: str, *, needed: bool = False) -> UUID | None:
        """A UUID of any version; None where it is not set, or zero."""
        text = self.text(name, needed=needed)
        if not text:
            return None
        if not _UUID.fullmatch(text):
            raise FieldInvalid(self.at(name), "must be a UUID")
        found = UUID(text)
        if found == ZERO and needed:
            raise FieldMissing(self.at(name))
        return None if found == ZERO else found

    def part(self, name: str) -> "Fields":
        """The fields of an object inside; none where it is not set."""
        value = self._values.get(name) or {}
        if not isinstance(value, dict):
            raise FieldInvalid(self.at(name), "must be an object")
        return Fields(value, self.at(name))

    def parts(self, name: str, *, most: int) -> list["Fields"]:
        """The fields of each object of a list; none where it is not set."""
        value = self._values.get(name) or []
        if not isinstance(value, list) or len(value) > most:
            raise FieldInvalid(self.at(name), f"must be a list of at most {most}")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise FieldInvalid(f"{self.at(name)}[{index}]", "must be an object")
        return [Fields(item, f"{self.at(name)}[{index}]") for index, item in enumerate(value)]
