"""A PFX on the administrator's machine: each thing that can be wrong with it has its own words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage, PolicyViolation, RequestError
from shared.pfx.inspection import check_certificate, check_mail, check_thumbprint, open_pfx
from shared.pfx.password_text import check_password
from shared.store.parcels import Purpose
from tests.asn1.ber_forms import streamed
from tests.pfx.mail import PASSWORD, USER, Holder, holder, key, legacy, mail_ca, signer
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW

ENCRYPTION, SIGNING = Purpose.ENCRYPTION, Purpose.SIGNING
ANN = holder()
PFX = ANN.pfx()


def opened(owner: Holder, purpose: Purpose = ENCRYPTION) -> list[str]:
    """What is worth a warning. Raises what is wrong."""
    found = open_pfx(owner.pfx(), PASSWORD)
    return check_certificate(found, purpose, NOW)


@pytest.mark.parametrize("password", [PASSWORD, "pässwörd € 雪", " ", "x" * 190])
def test_a_pfx_opens_with_its_password(password: str) -> None:
    found = open_pfx(ANN.pfx(password), password)
    assert (found.thumbprint, found.others) == (ANN.thumbprint, 1)
    assert found.certificate.der == ANN.der()
    assert found.addresses() == [USER]


@pytest.mark.parametrize("options", [("-legacy",), ("-nomac",), ("-keypbe", "NONE", "-certpbe", "NONE"), ()])
def test_what_openssl_makes_opens_in_all_its_forms(openssl: OpenSSL, options: tuple[str, ...]) -> None:
    pem = ANN.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += ANN.certificate.public_bytes(Encoding.PEM)
    pfx = openssl.run("pkcs12", "-export", "-passout", "pass:abc", *options, data=pem)
    assert open_pfx(pfx, "abc").thumbprint == ANN.thumbprint
    if options != ("-keypbe", "NONE", "-certpbe", "NONE"):
        with pytest.raises(IntegrityFailure, match="password"):
            open_pfx(pfx, "abd")


def test_ber_and_3des_open_too() -> None:
    assert open_pfx(ANN.pfx(protection=legacy()), PASSWORD).thumbprint == ANN.thumbprint
    assert open_pfx(streamed(PFX), PASSWORD).thumbprint == ANN.thumbprint


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "pässwort", "\x00"])
def test_a_wrong_password_is_called_so(password: str) -> None:
    with pytest.raises(IntegrityFailure, match="password does not open"):
        open_pfx(PFX, password)


@pytest.mark.parametrize("length", [1, 10, 500, -1])
def test_a_file_that_is_cut_off_is_called_so(length: int) -> None:
    with pytest.raises(MalformedMessage, match=r"cut off|not a PFX"):
        open_pfx(PFX[:length], PASSWORD)


def test_a_key_of_another_certificate_is_called_so() -> None:
    stranger = pkcs12.serialize_key_and_certificates(
        b"x", key("stranger"), None, [ANN.certificate], BestAvailableEncryption(b"abc")
    )
    with pytest.raises(IntegrityFailure, match="no certificate that belongs to it"):
        open_pfx(stranger, "abc")


def test_a_file_without_key_is_called_so() -> None:
    public = pkcs12.serialize_key_and_certificates(
        None, None, None, [ANN.certificate, mail_ca()], BestAvailableEncryption(b"abc")
    )
    with pytest.raises(IntegrityFailure, match="no private key"):
        open_pfx(public, "abc")


def test_a_kind_of_key_that_no_mail_client_takes_is_called_so() -> None:
    odd = pkcs12.serialize_key_and_certificates(
        b"x", ed25519.Ed25519PrivateKey.generate(), None, None, BestAvailableEncryption(b"abc")
    )
    with pytest.raises(RequestError, match=r"neither RSA nor EC|no certificate"):
        open_pfx(odd, "abc")


@given(st.integers(60, len(PFX) - 1), st.integers(1, 255))
def test_a_flipped_octet_is_an_error_of_ours(position: int, change: int) -> None:
    damaged = bytearray(PFX)
    damaged[position] ^= change
    with suppress(MalformedMessage, IntegrityFailure, AlgorithmRefused):
        open_pfx(bytes(damaged), PASSWORD)


def test_the_thumbprint_may_be_written_in_any_way() -> None:
    found = open_pfx(PFX, PASSWORD)
    for text in (ANN.thumbprint, ANN.thumbprint.upper(), "", " ".join(ANN.thumbprint)):
        check_thumbprint(found, text)


@pytest.mark.parametrize("text", ["0" * 40, "junk", "0" * 39])
def test_another_thumbprint_is_refused(text: str) -> None:
    with pytest.raises(PolicyViolation, match=ANN.thumbprint):
        check_thumbprint(open_pfx(PFX, PASSWORD), text)


def test_usages_decide_what_a_certificate_is_good_for() -> None:
    assert opened(ANN) == []
    assert opened(signer(), SIGNING) == []
    both = holder("both", usages=("key_encipherment", "digital_signature"))
    assert opened(both) == opened(both, SIGNING) == []
    unlimited = holder("none", usages=None, purposes=None)
    assert opened(unlimited) == opened(unlimited, SIGNING) == []
    elliptic = holder("ec ann", usages=("key_agreement",))
    assert opened(elliptic) == []
    anything = holder("any", purposes=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))
    assert opened(anything) == []


@pytest.mark.parametrize(
    ("owner", "purpose", "told"),
    [
        (
            signer(),
            ENCRYPTION,
            "needs the key usage keyEncipherment; the certificate allows digitalSignature",
        ),
        (ANN, SIGNING, "needs the key usage digitalSignature or nonRepudiation"),
        (holder("ec ann", usages=("digital_signature",)), ENCRYPTION, "needs the key usage keyAgreement"),
        (holder("a", usages=("key_agreement",)), ENCRYPTION, "needs the key usage keyEncipherment"),
        (holder("a", purposes=(ExtendedKeyUsageOID.CLIENT_AUTH,)), ENCRYPTION, "emailProtection"),
        (holder("a", ca=True), ENCRYPTION, "one of a CA"),
        (signer(begins=NOW - 9 * DAY, life=DAY), SIGNING, "expired on 2026-11-13, and signs nothing"),
    ],
    ids=range(7),
)
def test_a_certificate_for_something_else_is_refused(owner: Holder, purpose: Purpose, told: str) -> None:
    with pytest.raises(PolicyViolation, match=told):
        opened(owner, purpose)


def test_dates_that_are_odd_are_told() -> None:
    assert opened(holder("a", begins=NOW - 9 * DAY, life=DAY)) == [
        "it expired on 2026-11-13; it will be delivered so that old mail can be read"
    ]
    assert opened(holder("a", begins=NOW + DAY)) == ["it is not valid before 2026-11-22"]


def test_the_address_may_be_in_the_san_or_in_the_subject() -> None:
    for owner in (ANN, holder("a", mail=(), in_subject="Ann@Example.org")):
        check_mail(open_pfx(owner.pfx(), PASSWORD), "ANN@example.org")


@pytest.mark.parametrize("changes", [{"mail": ("bob@example.org",)}, {"mail": ()}])
def test_a_certificate_of_somebody_else_is_refused_with_whose_it_is(changes: dict[str, Any]) -> None:
    found = open_pfx(holder("a", **changes).pfx(), PASSWORD)
    whose = "bob@example.org" if changes["mail"] else "none at all"
    with pytest.raises(PolicyViolation, match=rf"not for {USER}.*{whose}.*--mail"):
        check_mail(found, USER)


@pytest.mark.parametrize("password", [PASSWORD, "~ !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}"])
def test_printable_ascii_is_what_all_devices_agree_on(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize("password", ["pässwörd", "tab\t", "€", "雪", "\x7f"])
def test_other_passwords_are_refused_unless_somebody_insists(password: str) -> None:
    with pytest.raises(PolicyViolation, match=r"not printable ASCII.*--utf8-password") as refused:
        check_password(password)
    assert password not in refused.value.reason
    check_password(password, utf8=True)


def test_an_empty_password_is_never_taken() -> None:
    for utf8 in (False, True):
        with pytest.raises(PolicyViolation, match="empty"):
            check_password("", utf8=utf8)
        with pytest.raises(PolicyViolation, match="not Unicode"):
            check_password("\udcff", utf8=utf8)
