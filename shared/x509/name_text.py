"""Distinguished names as text (RFC 4514): the scanner and the printer that `names` is built on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from shared.asn1.reader import read
from shared.errors import MalformedMessage
from shared.x509.attributes import Attribute, attribute_oid, encode_attribute, encode_value, short_name

# Possessive quantifiers: no text makes the scanner look twice at a character.
_PAIR: Final = re.compile(
    r"""[ ]*+ (?P<type>[A-Za-z][A-Za-z0-9-]*+|[0-9.]++) [ ]*+ = [ ]*+
        (?: \#(?P<hex>[0-9A-Fa-f]++) [ ]*+
          | "(?P<quoted>(?:[^"\\]|\\.)*+)" [ ]*+
          | (?P<plain>(?:[^,;+"\\]|\\.)*+) )
        (?P<end>[,;+]|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_UNIT: Final = re.compile(
    r"\\(?P<hex>[0-9A-Fa-f]{2})|\\(?P<special>[ \"#+,;<=>\\])|(?P<plain>[^\\])", re.DOTALL
)
_SPECIAL: Final = re.compile(r'["+,;<>\\]|^[ #]| $')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def parse_rdns(text: str) -> list[list[bytes]]:
    """The RDNs of a text, in the order of the text, each the DER of its AttributeTypeAndValues.

    Raises MalformedMessage.
    """
    return [[_attribute(pair) for pair in rdn] for rdn in _scan(text)]


def split_rdns(text: str) -> list[list[tuple[str, str]]]:
    """The RDNs of a text, in the order of the text, each as (dotted type, value); nothing is encoded yet.

    Raises MalformedMessage, also for a value in hexadecimal.
    """
    return [[_typed(pair) for pair in rdn] for rdn in _scan(text)]


def format_rdns(rdns: Sequence[Iterable[Attribute]]) -> str:
    """RFC 4514 2: the last RDN first. Types without a short name show their values in hexadecimal (2.4)."""
    return ",".join("+".join(map(_format, rdn)) for rdn in reversed(rdns))


def _scan(text: str) -> list[list[re.Match[str]]]:
    rdns: list[list[re.Match[str]]] = [[]]
    position, end = 0, "," if text.strip(" ") else ""
    while end:
        pair = _PAIR.match(text, position)
        if pair is None:
            raise MalformedMessage(f"not a distinguished name from character {position + 1} on")
        rdns[-1].append(pair)
        position, end = pair.end(), pair["end"]
        if end and end != "+":
            rdns.append([])
    return [rdn for rdn in rdns if rdn]


def _typed(pair: re.Match[str]) -> tuple[str, str]:
    if pair["hex"] is not None:
        raise MalformedMessage("a value in hexadecimal where text is needed")
    return attribute_oid(pair["type"]), _value(pair)


def _value(pair: re.Match[str]) -> str:
    if pair["quoted"] is not None:
        return _unescape(pair["quoted"], keep_spaces=True)
    return _unescape(pair["plain"], keep_spaces=False)


def _attribute(pair: re.Match[str]) -> bytes:
    oid = attribute_oid(pair["type"])
    if pair["hex"] is not None:
        try:
            encoded = bytes.fromhex(pair["hex"])
        except ValueError:
            raise MalformedMessage("an odd number of hexadecimal digits") from None
        return encode_attribute(oid, read(encoded).encoded)
    return encode_attribute(oid, encode_value(oid, _value(pair)))


def _unescape(text: str, *, keep_spaces: bool) -> str:
    if "\\" not in text:
        return text if keep_spaces else text.rstrip(" ")
    octets, kept, position = bytearray(), 0, 0
    while position < len(text):
        unit = _UNIT.match(text, position)
        if unit is None:
            raise MalformedMessage("a backslash in a distinguished name that escapes nothing")
        octets += bytes.fromhex(unit["hex"]) if unit["hex"] else (unit["special"] or unit["plain"]).encode()
        if unit["plain"] != " " or keep_spaces:
            kept = len(octets)
        position = unit.end()
    try:
        return octets[:kept].decode()
    except UnicodeDecodeError:
        raise MalformedMessage("escaped octets that are not UTF-8") from None


def _format(attribute: Attribute) -> str:
    name = short_name(attribute.oid)
    if name is None or not attribute.is_text:
        return f"{name or attribute.oid}=#{attribute.encoded.hex()}"
    escaped = _SPECIAL.sub(lambda found: "\\" + found[0], attribute.value)
    return f"{name}=" + _CONTROL.sub(lambda found: "\\" + found[0].encode().hex(), escaped)
