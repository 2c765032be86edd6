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
    "IA5String in the subject": _named(writer.ia5_string("dev@1"), "CN=dev@1"),
    "UniversalString in the subject": _named(
        writer.tlv(tags.UNIVERSAL_STRING, "Žižkov".encode("utf-32-be")), "CN=Žižkov"
    ),
    "NumericString in the subject": _named(writer.tlv(tags.NUMERIC_STRING, b"00 17"), "CN=00 17"),
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

_OLD_OPENSSL = "OpenSSL before 1.0, whose default string_mask was PrintableString, T61String, BMPString"
ORIGINS: Mapping[str, str] = {
    "unsorted attributes": "strongSwan 5.9.8 `pki --req` (tests/vectors/csr/strongswan-rsa.pem)",
    "no attributes field": "by hand: RFC 2986 4.1 has the field, but encoders leave out what is empty",
    "empty attributes field": "OpenSSL 3 `req -new` without attributes",
    "two extension lists in one attribute": "by hand: RFC 2985 5.4.2 has one value, and the field is a SET",
    "two challenges in one attribute": "by hand: RFC 2985 5.4.1 has one value, and the field is a SET",
    "attribute without a value": "by hand: RFC 2986 4.1 has SIZE (1..MAX)",
    "attribute with lengths in long form": "by hand: X.690 8.1.3.5 allows it, 10.1 does not",
    "unknown attributes": "Windows, its version; certmonger, a friendlyName (tests/vectors/cms/certmonger.der)",
    "repeated name-value pairs of Windows": "Windows (MS-WCCE 2.2.2.7.10)",
    "critical FALSE written out": "by hand: X.690 11.5 wants a default left out",
    "critical TRUE written as 1": "by hand: X.690 8.2.2 allows it, 11.1 does not",
    "Microsoft's extension request": "Windows (szOID_CERT_EXTENSIONS)",
    "challenge as PrintableString": "certmonger, micromdm's scepclient (tests/vectors/cms)",
    "challenge as UTF8String": "strongSwan (tests/vectors/cms/strongswan.der), OpenSSL 3, pyca/cryptography",
    "challenge as T61String": _OLD_OPENSSL,
    "challenge as IA5String": "by hand: RFC 2985 5.4.1 has a DirectoryString, which is no IA5String",
    "challenge as BMPString": _OLD_OPENSSL,
    "challenge that is empty": "jscep, when it renews",
    "challenge of several kilobytes": "Intune, whose challenge is a signed blob",
    "PrintableString with an at sign": "by hand: not in the alphabet of X.680, and written all the same",
    "PrintableString with an underscore": "by hand: the same",
    "T61String in the subject": _OLD_OPENSSL,
    "BMPString in the subject": _OLD_OPENSSL,
    "IA5String in the subject": "by hand: RFC 5280 A.1 has it for e-mail addresses and domain components only",
    "UniversalString in the subject": "by hand: a DirectoryString that nobody writes",
    "NumericString in the subject": "by hand: for x121Address and little else",
    "country of three letters": "by hand: X.520 has two",
    "common name that is empty": "by hand: RFC 5280 A.1 has SIZE (1..ub-common-name)",
    "common name of 100 characters": "by hand: ub-common-name is 64 (RFC 5280 A.1)",
    "subject that is empty": "by hand: RFC 5280 4.1.2.6, where only the alternative names count",
    "two attributes in an RDN, unsorted": "by hand: X.690 11.6 wants a SET OF sorted",
    "subjectAltName that is empty": "by hand: RFC 5280 4.2.1.6 wants a name",
    "user principal name": "Windows, Intune",
    "URI with a security identifier": "Intune, strong mapping (tag:microsoft.com,2022-09-14:sid:)",
    "registered identifier among the names": "OpenJDK 17 keytool (tests/vectors/csr/keytool-rsa.pem)",
}
"""Who sends such a request, or which clause it breaks where it was made by hand."""
