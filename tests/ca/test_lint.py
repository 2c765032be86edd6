"""Every rule of the linter, violated alone: each has to be found, and under its own name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import shared.ca.lint
from shared.asn1 import oids, writer
from shared.ca.lint import Linter, Signable, kind_of
from shared.errors import IssuanceFault
from shared.keys.ports import public_key_info
from shared.keys.signatures import signature_algorithm
from shared.x509.extensions import (
    Extension,
    authority_key_identifier,
    basic_constraints,
    key_usage,
    subject_alternative_name,
)
from shared.x509.general_names import GeneralName
from tests.ca.announcements import announcement, announcement_rules
from tests.ca.drafts import CA_NAME, Draft, ca_certificate, good_draft, keys
from tests.ca.lists import crl, crl_rules, request, request_rules
from tests.ca.responders import responder_draft, responder_rules
from tests.scep.authority import DAY, NOW, key

EMPTY = writer.sequence()
SAN = oids.SUBJECT_ALTERNATIVE_NAME


def linter() -> Linter:
    return Linter(frozenset(Signable), signature_algorithm(keys("ca")), ca_certificate())


def spki(holder: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def with_extension(extension: Extension, *, ca: bool = False) -> Draft:
    return good_draft(ca=ca).but(extensions={extension.oid: extension})


def without(oid: str, *, ca: bool = False) -> Draft:
    return good_draft(ca=ca).but(extensions={oid: None})


def turned(oid: str, *, ca: bool = False) -> Draft:
    """The extension with the other criticality."""
    extension = good_draft(ca=ca).extensions[oid]
    assert extension is not None
    return with_extension(Extension(oid, not extension.critical, extension.value), ca=ca)


def purposes(*dotted: str) -> Extension:
    return Extension(oids.EXTENDED_KEY_USAGE, False, writer.sequence(*map(writer.oid, dotted)))


GOOD = good_draft()
SOFT_CA_USAGE = Extension(oids.KEY_USAGE, True, key_usage(["keyCertSign", "digitalSignature"]).value)
CERTIFICATE_RULES = {
    "version 1 by its number": (GOOD.but(version=writer.context(0, writer.integer(0))), "version is not 3"),
    "serial zero": (GOOD.but(serial=0), "serial number"),
    "serial negative": (GOOD.but(serial=-5), "serial number"),
    "serial of 21 octets": (GOOD.but(serial=1 << 160), "serial number"),
    "serial of 160 bits": (GOOD.but(serial=1 << 159), "serial number"),
    "another signature algorithm": (
        GOOD.but(algorithm=signature_algorithm(keys("ca"), "sha384")),
        "signature algorithm is not the key's",
    ),
    "ends before it begins": (GOOD.but(not_before=NOW + DAY, not_after=NOW), "validity is empty"),
    "ends as it begins": (GOOD.but(not_before=NOW, not_after=NOW), "validity is empty"),
    "issued by somebody else": (GOOD.but(issuer=GOOD.subject), "issuer name is not the CA's subject"),
    "outlives the CA": (
        GOOD.but(not_after=ca_certificate().not_after + DAY),
        "the certificate would outlive its issuer",
    ),
    "no AKI": (without(oids.AUTHORITY_KEY_IDENTIFIER), "authority key identifier"),
    "another AKI": (with_extension(authority_key_identifier(b"x" * 20)), "authority key identifier"),
    "critical AKI": (turned(oids.AUTHORITY_KEY_IDENTIFIER), "authority key identifier"),
    "short RSA key": (GOOD.for_key(spki(rsa.generate_private_key(65537, 1024))), "RSA key below 2048"),
    "small RSA exponent": (GOOD.for_key(spki(rsa.generate_private_key(3, 2048))), "RSA exponent"),
    "unknown curve": (GOOD.for_key(spki(ec.generate_private_key(ec.SECP256K1()))), "curve is not"),
    "Edwards key": (GOOD.for_key(spki(ed25519.Ed25519PrivateKey.generate())), "a kind that is not accepted"),
    "unknown critical extension": (
        with_extension(Extension("1.2.3.4", True, b"\x05\x00")),
        "has no rule here",
    ),
    "no basic constraints": (without(oids.BASIC_CONSTRAINTS), "basic constraints missing"),
    "basic constraints not critical": (turned(oids.BASIC_CONSTRAINTS), "basic constraints missing"),
    "no key usage": (without(oids.KEY_USAGE), "key usage missing"),
    "key usage not critical": (turned(oids.KEY_USAGE), "key usage missing"),
    "key usage unreadable": (
        with_extension(Extension(oids.KEY_USAGE, True, b"\x30\x00")),
        "tag 0x30 where",
    ),
    "device that signs certificates": (with_extension(key_usage(["keyCertSign"])), "key usage does not fit"),
    "device that signs CRLs": (with_extension(key_usage(["cRLSign"])), "key usage does not fit"),
    "CA that signs no CRLs": (with_extension(SOFT_CA_USAGE, ca=True), "key usage does not fit"),
    "no SKI": (without(oids.SUBJECT_KEY_IDENTIFIER), "subject key identifier"),
    "SKI of another key": (GOOD.but(spki=public_key_info(keys("other"))), "subject key identifier"),
    "critical SKI": (turned(oids.SUBJECT_KEY_IDENTIFIER), "has no rule here"),
    "nobody": (GOOD.but(subject=EMPTY), "empty subject without a critical SAN"),
    "nobody but a soft SAN": (
        with_extension(subject_alternative_name([GeneralName.dns("a.example.org")])).but(subject=EMPTY),
        "empty subject without a critical SAN",
    ),
    "any purpose": (with_extension(purposes(oids.ANY_EXTENDED_KEY_USAGE)), "extended key usage is open"),
    "no purpose": (with_extension(purposes()), "extended key usage is open"),
    "a purpose and any": (
        with_extension(purposes(oids.EKU_CLIENT_AUTH, oids.ANY_EXTENDED_KEY_USAGE)),
        "extended key usage is open",
    ),
}
RULES = {name: (draft.tbs(), finding) for name, (draft, finding) in CERTIFICATE_RULES.items()}
RULES |= crl_rules() | request_rules() | announcement_rules() | responder_rules()


@pytest.mark.parametrize("name", RULES)
def test_a_violation_is_found_under_its_own_name(name: str) -> None:
    data, finding = RULES[name]
    with pytest.raises(IssuanceFault, match=finding.replace("(", r"\(")):
        linter().lint(data)


def test_the_table_violates_every_rule_there_is() -> None:
    tree = ast.parse(Path(shared.ca.lint.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    findings = [call.args[1] for call in calls if getattr(call.func, "id", "") == "_require"]
    texts = [
        part.value if isinstance(part, ast.Constant) else str(getattr(part, "values", [""])[-1].value)
        for part in findings
    ]
    assert len(texts) > 20
    expected = [finding for _, finding in RULES.values()]
    assert [text for text in texts if not any(finding in str(text) for finding in expected)] == []


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (good_draft(), Signable.CERTIFICATE),
        (good_draft(ca=True), Signable.CA_CERTIFICATE),
        (
            with_extension(subject_alternative_name([GeneralName.dns("a.example.org")], critical=True)).but(
                subject=EMPTY
            ),
            Signable.CERTIFICATE,
        ),
        (good_draft().but(serial=1), Signable.CERTIFICATE),
        (good_draft().but(serial=(1 << 159) - 1), Signable.CERTIFICATE),
        (GOOD.for_key(spki(key(0))), Signable.CERTIFICATE),
        (good_draft().but(not_after=ca_certificate().not_after), Signable.CERTIFICATE),
        (with_extension(Extension("1.2.3.4", False, b"\x05\x00")), Signable.CERTIFICATE),
        (responder_draft(), Signable.RESPONDER),
    ],
)
def test_a_certificate_that_keeps_the_rules_passes(draft: Draft, kind: Signable) -> None:
    assert linter().lint(draft.tbs()) is kind


def test_an_announcement_that_keeps_the_rules_passes() -> None:
    assert linter().lint(announcement()) is Signable.ANNOUNCEMENT
    allowed = frozenset(Signable) - {Signable.ANNOUNCEMENT}
    with pytest.raises(IssuanceFault, match="does not sign a GetNextCACert announcement"):
        Linter(allowed, signature_algorithm(keys("ca")), ca_certificate()).lint(announcement())


def test_a_crl_and_a_request_that_keep_the_rules_pass() -> None:
    assert linter().lint(crl()) is Signable.CRL
    assert linter().lint(request()) is Signable.REQUEST


@pytest.mark.parametrize("draft", [good_draft(), good_draft(ca=True), responder_draft()])
def test_a_kind_that_the_key_does_not_sign_is_refused_by_name(draft: Draft) -> None:
    data = draft.tbs()
    allowed = frozenset(Signable) - {kind_of(data)}
    with pytest.raises(IssuanceFault, match=f"does not sign a {kind_of(data).value}"):
        Linter(allowed, signature_algorithm(keys("ca")), ca_certificate()).lint(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x05\x00",
        bytes(range(256)),
        writer.octet_string(good_draft().tbs()),
        writer.sequence(writer.integer(2), EMPTY, EMPTY),
        good_draft().tbs() + b"\x00",
        good_draft().tbs()[:-1],
        good_draft().but(version=b"", serial=1).tbs(),  # version 1 looks like a CRL at first
        good_draft().but(version=b"", serial=0).tbs(),  # ... or like a request
    ],
)
def test_bytes_that_are_nothing_a_ca_signs_are_refused(data: bytes) -> None:
    with pytest.raises(IssuanceFault):
        linter().lint(data)


def test_a_root_is_held_against_itself() -> None:
    key = keys("ca")
    root = Linter(frozenset({Signable.CA_CERTIFICATE}), signature_algorithm(key))
    draft = good_draft(ca=True).for_key(public_key_info(key)).but(subject=CA_NAME.encoded)
    assert root.lint(draft.but(extensions={oids.AUTHORITY_KEY_IDENTIFIER: None}).tbs())
    with pytest.raises(IssuanceFault, match="issuer name"):
        root.lint(draft.but(subject=GOOD.subject).tbs())
    with pytest.raises(IssuanceFault, match="authority key identifier"):
        root.lint(
            draft.but(extensions={oids.AUTHORITY_KEY_IDENTIFIER: authority_key_identifier(b"x" * 20)}).tbs()
        )
    with pytest.raises(IssuanceFault, match="does not sign a end-entity"):
        root.lint(with_extension(basic_constraints(False)).tbs())
