"""Finding calls by what a person has at hand: a number in any notation, an id, the engine's own name for the call."""

import re
from typing import Any
from uuid import UUID

from django.db.models import CharField, Expression, F, Q, QuerySet, Value
from django.db.models.functions import Replace

from calls.models import Call, Session

PUNCTUATION = " -().+/\u00a0"
"""What people and engines write between digits."""
LARGEST_ID = 2**63 - 1
SHORTEST_NATIONAL = 6
"""Digits after a trunk zero from which on a number is looked for anywhere in the stored one."""


def matching_calls(calls: QuerySet[Call], text: str) -> QuerySet[Call]:
    """The calls that `text` may mean: by uuid, integer id, session id, the engine's reference, or a number of which
    it is the beginning, in whatever notation either is written. None of them: no rows."""
    return calls.alias(caller_digits=_bare("from_number"), callee_digits=_bare("to_number")).filter(_meaning(text))


def _meaning(text: str) -> Q:
    text = text.strip().replace("\0", "")
    found = Q(engine_ref=text) | Q(uuid__in=Session.objects.filter(pk=text).values("call__uuid"))
    try:
        return found | Q(uuid=UUID(text))
    except ValueError:
        pass
    if text.isascii() and text.isdigit() and int(text[:19]) <= LARGEST_ID and len(text) <= 19:
        found |= Q(pk=int(text))
    digits = re.sub(r"\D", "", text.replace("(0)", ""), flags=re.ASCII)
    if digits and not re.search(r"[^\W\d_]", text):
        return found | _numbers(text, digits)
    return found | Q(from_number__istartswith=text) | Q(to_number__istartswith=text)  # sip:… and other names


def _numbers(text: str, digits: str) -> Q:
    """+44 7700…, 0044 7700… and 07700… are one number; the trunk zero of the last stands for a country code."""
    plain = digits.removeprefix("00") if not text.startswith("+") else digits
    found = Q(caller_digits__startswith=plain) | Q(callee_digits__startswith=plain)
    found |= Q(caller_digits__startswith=f"00{plain}") | Q(callee_digits__startswith=f"00{plain}")
    national = digits.removeprefix("0")
    if digits.startswith("0") and not digits.startswith("00") and len(national) >= SHORTEST_NATIONAL:
        found |= Q(caller_digits__contains=national) | Q(callee_digits__contains=national)
    return found


def _bare(field: str) -> Expression | F:
    """The number without its punctuation, computed in the database: numbers are kept as they were given."""
    found: Any = F(field)
    for character in PUNCTUATION:
        found = Replace(found, Value(character), Value(""), output_field=CharField())
    return found  # type: ignore[no-any-return]  # F or Replace
