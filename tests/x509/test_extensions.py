"""Extensions: every builder writes what cryptography writes, every reader reads what cryptography wrote."""

from __future__ import annotations

import pytest
from asn1crypto import x509 as other
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.errors import MalformedMessage
from shared.keys.ports import public_key_info
from shared.x509 import extension_values, extensions
from shared.x509.extension_values import KEY_USAGES
from shared.x509.extensions import Extension
from shared.x509.general_names import GeneralName
from tests.x509.material import ALGORITHMS, key

_URIS = [x509.UniformResourceIdentifier(f"http://pki.example/{name}") for name in "ab"]


def _uri(index: int) -> str:
    return _URIS[index].value


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (extensions.basic_constraints(False), x509.BasicConstraints(False, None)),
        (extensions.basic_constraints(True), x509.BasicConstraints(True, None)),
        (extensions.basic_constraints(True, 0), x509.BasicConstraints(True, 0)),
        (
            extensions.extended_key_usage([oids.EKU_CLIENT_AUTH, oids.EKU_SERVER_AUTH, oids.EKU_CLIENT_AUTH]),
            x509.ExtendedKeyUsage(
                [x509.ObjectIdentifier(oids.EKU_CLIENT_AUTH), x509.ObjectIdentifier(oids.EKU_SERVER_AUTH)]
            ),
        ),
        (
            extensions.subject_alternative_name([GeneralName.dns("a.example")], critical=True),
            x509.SubjectAlternativeName([x509.DNSName("a.example")]),
        ),
        (
            extensions.authority_key_identifier(b"\x01" * 20),
            x509.AuthorityKeyIdentifier(b"\x01" * 20, None, None),
        ),
        (
            extensions.crl_distribution_points([_uri(0), _uri(1)]),
            x509.CRLDistributionPoints([x509.DistributionPoint(_URIS, None, None, None)]),
        ),
        (
            extensions.authority_information_access([_uri(0)], [_uri(1)]),
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(Access.OCSP, _URIS[0]),
                    x509.AccessDescription(Access.CA_ISSUERS, _URIS[1]),
                ]
            ),
        ),
    ],
)
def test_cryptography_writes_the_same_value(ours: Extension, theirs: x509.ExtensionType) -> None:
    assert (ours.oid, ours.value) == (theirs.oid.dotted_string, theirs.public_bytes())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_key_identifier_is_that_of_rfc_5280_method_1(algorithm: str) -> None:
    held = key(algorithm)
    theirs = x509.SubjectKeyIdentifier.from_public_key(held.public_key())
    ours = extensions.subject_key_identifier(public_key_info(held))
    assert ours.value == theirs.public_bytes()
    assert extensions.key_identifier(public_key_info(held)) == theirs.digest


@given(st.sets(st.sampled_from(KEY_USAGES), min_size=1))
def test_key_usages(names: set[str]) -> None:
    ours = extensions.key_usage(names)
    theirs = other.KeyUsage.load(ours.value)
    assert other.KeyUsage(theirs.native).dump() == ours.value  # DER, no bits too many
    assert theirs.native == {
        {"nonRepudiation": "non_repudiation", "cRLSign": "crl_sign"}.get(name, _snake(name)) for name in names
    }
    assert extension_values.parse_key_usage(ours.value) == names
    assert ours.critical


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def test_the_security_identifier_is_an_other_name() -> None:
    sid = "S-1-5-21-2127521184-1604012920-1887927527-727"
    ours = extensions.microsoft_sid(sid)
    header = bytes.fromhex("303f a03d 060a 2b060104018237190201 a02f 042d")
    assert (ours.oid, ours.critical, ours.value) == ("1.3.6.1.4.1.311.25.2", False, header + sid.encode())
    (name,) = other.GeneralNames.load(ours.value, strict=True)
    assert name.chosen["type_id"].native == "1.3.6.1.4.1.311.25.2.1"
    assert name.chosen["value"].native == sid.encode()


@pytest.mark.parametrize("critical", [True, False])
def test_the_whole_extension_is_der(critical: bool) -> None:
    ours = Extension("1.2.3", critical, b"abc")
    parsed = other.Extension.load(ours.encoded, strict=True)
    assert (parsed["extn_id"].dotted, parsed["critical"].native) == ("1.2.3", critical)
    assert parsed["extn_value"].contents == b"abc"
    assert extensions.parse_extensions(read(writer.sequence(ours.encoded))) == {"1.2.3": (critical, b"abc")}


def test_extensions_that_cannot_be() -> None:
    for wrong in ([], ["digitalsignature"]):
        with pytest.raises(ValueError, match="not key usages"):
            extensions.key_usage(wrong)
    with pytest.raises(ValueError, match="purpose"):
        extensions.extended_key_usage([])
    with pytest.raises(ValueError, match="path length"):
        extensions.basic_constraints(False, 0)
    with pytest.raises(ValueError, match="URL"):
        extensions.crl_distribution_points([])
    with pytest.raises(ValueError, match="URL"):
        extensions.authority_information_access([], [])


@pytest.mark.parametrize(
    "encoded",
    [
        writer.null(),
        writer.sequence(writer.null()),
        writer.sequence(writer.sequence(writer.oid("1.2.3"))),
        writer.sequence(writer.sequence(writer.oid("1.2.3"), writer.utf8_string(""))),
        writer.sequence(writer.sequence(writer.oid("1.2.3"), writer.octet_string(b""), writer.null())),
        writer.sequence(Extension("1.2.3", True, b"a").encoded, Extension("1.2.3", False, b"b").encoded),
    ],
)
def test_bytes_that_are_no_extensions(encoded: bytes) -> None:
    with pytest.raises(MalformedMessage):
        extensions.parse_extensions(read(encoded))


def test_values_are_read() -> None:
    assert extension_values.parse_basic_constraints(x509.BasicConstraints(True, 3).public_bytes()) == (
        True,
        3,
    )
    assert extension_values.parse_basic_constraints(writer.sequence()) == (False, None)
    theirs = x509.AuthorityKeyIdentifier(
        b"\x07" * 20, [x509.DirectoryName(x509.Name.from_rfc4514_string("CN=a"))], 5
    )
    assert extension_values.parse_authority_key_identifier(theirs.public_bytes()) == b"\x07" * 20
    assert extension_values.parse_authority_key_identifier(writer.sequence()) is None
    assert extension_values.parse_subject_key_identifier(writer.octet_string(b"\x09")) == b"\x09"
    assert extension_values.parse_key_usage(writer.bit_string(b"\x80\x00", 0)) == {"digitalSignature"}


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (extension_values.parse_key_usage, writer.octet_string(b"\x80")),
        (extension_values.parse_extended_key_usage, writer.oid(oids.EKU_CLIENT_AUTH)),
        (extension_values.parse_extended_key_usage, writer.sequence(writer.null())),
        (extension_values.parse_basic_constraints, writer.sequence(writer.integer(-1))),
        (extension_values.parse_basic_constraints, writer.sequence(writer.null())),
        (extension_values.parse_subject_key_identifier, b"abc"),
        (extension_values.parse_authority_key_identifier, writer.octet_string(b"abc")),
    ],
)
def test_values_that_are_none(reader: object, value: bytes) -> None:
    assert callable(reader)
    with pytest.raises(MalformedMessage):
        reader(value)
