"""The attributes of a certification request (RFC 2985 5.4): the challenge and the extensions asked for.

Real clients leave the field out, do not sort it, put two values into one attribute, or write Microsoft's name
for the extension request. What would be ambiguous is refused: one type twice, one extension twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Element, Fields
from shared.errors import MalformedMessage
from shared.x509.extensions import parse_extensions

MAX_CHALLENGE: Final = 16 * 1024
_EXTENSION_REQUESTS: Final = (oids.EXTENSION_REQUEST, oids.MS_EXTENSION_REQUEST)
# One attribute per pair, so several of one type (MS-WCCE 2.2.2.7.10)
_REPEATABLE: Final = frozenset({oids.MS_ENROLLMENT_NAME_VALUE_PAIR})


@dataclass(frozen=True, slots=True)
class RequestAttributes:
    """`challenge` is None when absent and "" when present and empty."""

    challenge: str | None = field(repr=False)
    extensions: Mapping[str, tuple[bool, bytes]]

    @classmethod
    def parse(cls, element: Element | None) -> RequestAttributes:
        """From the [0] of a CertificationRequestInfo, or its absence. Raises MalformedMessage."""
        found = _by_type(element)
        challenge = found.get(oids.CHALLENGE_PASSWORD)
        return cls(_challenge(challenge) if challenge else None, _extensions(found))


def _by_type(element: Element | None) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in element.children() if element else ():
        fields = Fields(child.expect(tags.SEQUENCE))
        kind = values.oid(fields.take())
        held = fields.take(tags.SET).children()
        fields.finish()
        if kind in found and kind not in _REPEATABLE:
            raise MalformedMessage(f"attribute {kind} occurs twice")
        found[kind] = held
    return found


def _challenge(held: list[Element]) -> str:
    # SINGLE VALUE (RFC 2985 5.4.1); whoever sends more must be right with the first
    if len(held[0].encoded) > MAX_CHALLENGE:
        raise MalformedMessage(f"a challenge of more than {MAX_CHALLENGE} octets")
    return values.text(held[0])


def _extensions(found: Mapping[str, list[Element]]) -> Mapping[str, tuple[bool, bytes]]:
    merged: dict[str, tuple[bool, bytes]] = {}
    for kind in _EXTENSION_REQUESTS:
        for element in found.get(kind, ()):
            asked = parse_extensions(element)
            if not merged.keys().isdisjoint(asked):
                raise MalformedMessage("an extension is asked for twice")
            merged.update(asked)
    return MappingProxyType(merged)
