"""GeneralNames (RFC 5280 4.2.1.6): what a subjectAltName holds, read as sent and built in DER."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read, read_der
from shared.errors import MalformedMessage
from shared.x509.attributes import prepare
from shared.x509.names import Name

_CACHED_LENGTH: Final = 1024
Kind = Literal["dns", "email", "upn", "uri", "ip", "directory", "other"]

_OTHER_NAME: Final = tags.context(0)
_EMAIL: Final = tags.context(1, constructed=False)
_DNS: Final = tags.context(2, constructed=False)
_DIRECTORY: Final = tags.context(4)
_URI: Final = tags.context(6, constructed=False)
_IP: Final = tags.context(7, constructed=False)
_REGISTERED_ID: Final = tags.context(8, constructed=False)
_TEXTS: Final[dict[int, Kind]] = {_EMAIL: "email", _DNS: "dns", _URI: "uri"}
_KNOWN: Final = frozenset(tags.context(number) for number in (0, 3, 4, 5)) | {
    *_TEXTS,
    _IP,
    _REGISTERED_ID,
}


@dataclass(frozen=True, slots=True)
class GeneralName:
    """One GeneralName. `encoded` is its DER.

    `value` is its text: RFC 4514 for a directory name, an address in its usual form for an ip; of what has no
    kind of its own, the type's identifier if it has one, and the DER in hexadecimal after `#`.
    """

    kind: Kind
    value: str
    encoded: bytes = field(repr=False)

    @classmethod
    def dns(cls, host: str) -> GeneralName:
        """A dNSName, ASCII (an internationalised name in its A-label form). Raises MalformedMessage."""
        return cls("dns", host, _text(_DNS, host))

    @classmethod
    def email(cls, address: str) -> GeneralName:
        """An rfc822Name, ASCII. Raises MalformedMessage."""
        return cls("email", address, _text(_EMAIL, address))

    @classmethod
    def uri(cls, uri: str) -> GeneralName:
        """A uniformResourceIdentifier, ASCII. Raises MalformedMessage."""
        return cls("uri", uri, _text(_URI, uri))

    @classmethod
    def upn(cls, name: str) -> GeneralName:
        """Microsoft's userPrincipalName: an otherName that holds a UTF8String."""
        type_id = writer.oid(oids.MS_USER_PRINCIPAL_NAME)
        return cls("upn", name, writer.context(0, type_id + writer.context(0, writer.utf8_string(name))))

    @classmethod
    def ip(cls, address: str) -> GeneralName:
        """An iPAddress, version 4 or 6. Raises MalformedMessage."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            raise MalformedMessage(f"{address!r} is not an IP address") from None
        return cls("ip", str(parsed), writer.tlv(_IP, parsed.packed))

    @classmethod
    def directory(cls, name: Name) -> GeneralName:
        """A directoryName."""
        return cls("directory", name.text(), writer.context(4, name.encoded))

    def text(self) -> str:
        """The kind and the value: `dns:host`, `upn:a@b`."""
        return f"{self.kind}:{self.value}"

    def meaning(self) -> tuple[str, object]:
        """A key that is equal for names that mean the same (RFC 5280 7.2 to 7.5)."""
        if self.kind == "dns":
            return self.kind, self.value.lower()
        if self.kind == "email":
            mailbox, at, host = self.value.rpartition("@")
            return self.kind, mailbox + at + host.lower()
        if self.kind == "upn":
            return self.kind, prepare(self.value)
        if self.kind == "directory":
            return self.kind, _directory(read_der(self.encoded)).meaning()
        return self.kind, self.value


def parse_general_names(value: bytes) -> tuple[GeneralName, ...]:
    """The names in an extension value (GeneralNames); there may be none. Raises MalformedMessage."""
    # A request's names come again in its certificate; what is longer than most is not worth keeping.
    return _cached_names(value) if len(value) <= _CACHED_LENGTH else _names(value)


def build_general_names(names: Iterable[GeneralName]) -> bytes:
    """DER of GeneralNames, in the order given, each as it was read or built."""
    return writer.sequence(*(name.encoded for name in names))


def same_names(one: Iterable[GeneralName], other: Iterable[GeneralName]) -> bool:
    """Whether both hold the same names by meaning; order and repetition do not count."""
    return {name.meaning() for name in one} == {name.meaning() for name in other}


def _names(value: bytes) -> tuple[GeneralName, ...]:
    return tuple(map(_parse, read(value).expect(tags.SEQUENCE).children()))


_cached_names = lru_cache(maxsize=256)(_names)


def _text(tag: int, text: str) -> bytes:
    try:
        return writer.tlv(tag, text.encode("ascii"))
    except UnicodeEncodeError:
        raise MalformedMessage(f"{text!r} holds characters beyond ASCII") from None


def _parse(element: Element) -> GeneralName:
    if element.tag not in _KNOWN:
        raise MalformedMessage(f"tag {element.tag:#04x} is not a kind of GeneralName")
    if element.tag in _TEXTS:
        # UTF-8 and Latin-1 occur in these IA5Strings: read them, let policy decide
        text = element.contents.decode("utf-8", errors="replace")
        return GeneralName(_TEXTS[element.tag], text, element.encoded)
    if element.tag == _IP:
        return _ip(element)
    if element.tag == _DIRECTORY:
        return GeneralName("directory", _directory(element).text(), element.encoded)
    if element.tag == _OTHER_NAME:
        return _other_name(element)
    return GeneralName("other", "#" + element.encoded.hex(), element.encoded)


def _ip(element: Element) -> GeneralName:
    try:
        return GeneralName("ip", str(ipaddress.ip_address(element.contents)), element.encoded)
    except ValueError:
        raise MalformedMessage("an IP address that has neither 4 nor 16 octets") from None


def _directory(element: Element) -> Name:
    # RFC 5280 appendix A.2: Name is a CHOICE, so this tag is explicit
    return Name.from_der(element.only_child().encoded)


def _other_name(element: Element) -> GeneralName:
    fields = Fields(element)
    type_id = values.oid(fields.take())
    value = fields.take(tags.context(0)).only_child()
    fields.finish()
    if type_id == oids.MS_USER_PRINCIPAL_NAME and values.is_text(value):
        return GeneralName("upn", values.text(value), element.encoded)
    return GeneralName("other", f"{type_id}#{value.encoded.hex()}", element.encoded)
