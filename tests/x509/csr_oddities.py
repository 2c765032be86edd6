"""Requests as real clients send them although some parser or other refuses them, each signed correctly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.asn1 import oids, tags, writer
from shared.x509.extensions import Extension, extended_key_usage, key_usage
from shared.x509.general_names import GeneralName, build_general_names
from tests.x509.material import attribute, challenge, extension_request, make_request, subject

UPN = GeneralName.upn("ada@example.org")
SID = GeneralName.uri("tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001")


@dataclass(frozen=True)
class Oddity:
    """How to make the request, and what must be read out of it."""

    make: Callable[[], bytes]
    subject: str = "CN=device"
    challenge: str | None = None
    sans: tuple[str, ...] = ()
    extensions: frozenset[str] = frozenset()


def _named(value: bytes, shown: str, oid: str = oids.COMMON_NAME) -> Oddity:
    return Oddity(lambda: make_request(name=subject(value, oid=oid)), shown)


def _challenged(value: bytes, shown: str = "secret") -> Oddity:
    return Oddity(lambda: make_request([challenge(value)]), challenge=shown)


def _san(*names: GeneralName, oid: str = oids.EXTENSION_REQUEST) -> Oddity:
    wanted = Extension(oids.SUBJECT_ALTERNATIVE_NAME, False, build_general_names(names))
    return Oddity(
        lambda: make_request([extension_request(wanted.encoded, oid=oid)]),
        sans=tuple(name.text() for name in names),
        extensions=frozenset({oids.SUBJECT_ALTERNATIVE_NAME}),
    )


_USAGE = key_usage(["digitalSignature"])
_PURPOSE = extended_key_usage([oids.EKU_CLIENT_AUTH])
_CRITICAL_FALSE = writer.sequence(
    writer.oid(oids.EXTENDED_KEY_USAGE), writer.boolean(False), writer.octet_string(_PURPOSE.value)
)
_SECRET = challenge(writer.printable_string("secret"))


def _bmp(text: str) -> bytes:
    return writer.tlv(tags.BMP_STRING, text.encode("utf-16-be"))


def _pair(oid: str, value: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), value)


def _long_form(der: bytes) -> bytes:
    return der[:1] + b"\x82\x00" + der[1:]


ODDITIES: Mapping[str, Oddity] = {
    # the attributes
    "unsorted attributes": Oddity(
        lambda: make_request(sorted([extension_request(_USAGE.encoded), _SECRET], reverse=True)),
        challenge="secret",
        extensions=frozenset({oids.KEY_USAGE}),
    ),
    "no attributes field": Oddity(lambda: make_request(None)),
    "empty attributes field": Oddity(lambda: make_request([])),
    "two extension lists in one attribute": Oddity(
        lambda: make_request(
            [
                attribute(
                    oids.EXTENSION_REQUEST,
                    writer.sequence(_USAGE.encoded),
                    writer.sequence(_PURPOSE.encoded),
                )
            ]
        ),
        extensions=frozenset({oids.KEY_USAGE, oids.EXTENDED_KEY_USAGE}),
    ),
    "two challenges in one attribute": Oddity(
        lambda: make_request(
            [attribute(oids.CHALLENGE_PASSWORD, writer.utf8_string("secret"), writer.utf8_string("other"))]
        ),
        challenge="secret",
    ),
    "attribute without a value": Oddity(
        lambda: make_request([challenge(b""), attribute(oids.FRIENDLY_NAME)])
    ),
    "attribute with lengths in long form": Oddity(
        lambda: make_request([_long_form(_SECRET)]), challenge="secret"
    ),
    "unknown attributes": Oddity(
        lambda: make_request(
            [
                attribute(oids.MS_OS_VERSION, writer.ia5_string("10.0.22631.2")),
                attribute(oids.FRIENDLY_NAME, _bmp("Ada's laptop")),
                _SECRET,
            ]
        ),
        challenge="secret",
    ),
    "repeated name-value pairs of Windows": Oddity(
        lambda: make_request(
            [
                attribute(oids.MS_ENROLLMENT_NAME_VALUE_PAIR, writer.sequence(_bmp(name), _bmp("x")))
                for name in ("a", "b")
            ]
        )
    ),
    "critical FALSE written out": Oddity(
        lambda: make_request([extension_request(_CRITICAL_FALSE)]),
        extensions=frozenset({oids.EXTENDED_KEY_USAGE}),
    ),
    "critical TRUE written as 1": Oddity(
        lambda: make_request([extension_request(_USAGE.encoded.replace(b"\x01\x01\xff", b"\x01\x01\x01"))]),
        extensions=frozenset({oids.KEY_USAGE}),
    ),
    "Microsoft's extension request": _san(GeneralName.dns("a.example"), oid=oids.MS_EXTENSION_REQUEST),
    # the challenge
    "challenge as PrintableString": _challenged(writer.printable_string("secret")),
    "challenge as UTF8String": _challenged(writer.utf8_string("sécret"), "sécret"),
    "challenge as T61String": _challenged(writer.tlv(tags.T61_STRING, b"s\xe9cret"), "sécret"),
    "challenge as IA5String": _challenged(writer.ia5_string("secret")),
    "challenge as BMPString": _challenged(_bmp("sécret"), "sécret"),
    "challenge that is empty": _challenged(writer.printable_string(""), ""),
    "challenge of several kilobytes": _challenged(writer.printable_string("A" * 6000), "A" * 6000),
    # the subject
    "PrintableString with an at sign": _named(writer.printable_string("ada@example"), "CN=ada@example"),
    "PrintableString with an underscore": _named(writer.printable_string("dev_1"), "CN=dev_1"),
    "T61String in the subject": _named(writer.tlv(tags.T61_STRING, b"Z\xfcrich"), "CN=Zürich"),
    "BMPString in the subject": _named(_bmp("Žižkov"), "CN=Žižkov"),
    "country of three letters": _named(writer.printable_string("CZE"), "C=CZE", oids.COUNTRY),
    "common name that is empty": _named(writer.utf8_string(""), "CN="),
    "common name of 100 characters": _named(writer.utf8_string("x" * 100), "CN=" + "x" * 100),
    "subject that is empty": Oddity(lambda: make_request(name=writer.sequence()), ""),
    "two attributes in an RDN, unsorted": Oddity(
        lambda: make_request(
            name=writer.sequence(
                writer.tlv(
                    tags.SET,
                    _pair(oids.SERIAL_NUMBER, writer.printable_string("7"))
                    + _pair(oids.COMMON_NAME, writer.utf8_string("device")),
                )
            )
        ),
        "serialNumber=7+CN=device",
    ),
    # the alternative names
    "subjectAltName that is empty": _san(),
    "user principal name": _san(UPN),
    "URI with a security identifier": _san(SID),
    "registered identifier among the names": _san(
        GeneralName.ip("192.0.2.7"), GeneralName("other", "#88022a03", bytes.fromhex("88022a03"))
    ),
}
