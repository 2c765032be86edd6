"""What an outside CA may change in a certificate, and what keeps it from going on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.ca.acceptance import accept
from shared.errors import IssuanceFault
from shared.policy.authorization import Grant, template
from shared.x509.certificate import Certificate
from tests.ca.outside import SID, csr, now, wanted
from tests.est.authority import Authority, Manner

DAYS = timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    certificate: Certificate
    authority: Certificate


@lru_cache
def authority() -> Authority:
    return Authority.make("p-256")


def made(manner: Manner) -> Scene:
    ca = authority()
    request = x509.load_der_x509_csr(csr().der)
    issued = ca.issue(request, manner).public_bytes(Encoding.DER)
    return Scene(Certificate.from_der(issued), Certificate.from_der(ca.chain[0].public_bytes(Encoding.DER)))


def rebuilt(change: Callable[[list[x509.NameAttribute[str]]], None]) -> Callable[[x509.Name], x509.Name]:
    def subject(name: x509.Name) -> x509.Name:
        attributes = [x509.NameAttribute(each.oid, str(each.value)) for each in name]
        change(attributes)
        return x509.Name(attributes)

    return subject


def serial_number(attributes: list[x509.NameAttribute[str]]) -> None:
    attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, "42"))


def without_organisation(attributes: list[x509.NameAttribute[str]]) -> None:
    attributes.pop(0)


def sid(value: str) -> tuple[x509.ExtensionType, bool]:
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2")
    return x509.UnrecognizedExtension(oid, value.encode()), False


TAKEN = {
    "as asked": Manner(),
    "one usage of two": Manner(usages=frozenset({"digital_signature"})),
    "a shorter life": Manner(life=30 * DAYS),
    "a life counted from the CA's now": Manner(life=90 * DAYS + timedelta(hours=12)),
    "a clock that is ahead": Manner(begins=timedelta(minutes=4)),
    "a subject with other string types": Manner(subject=rebuilt(lambda _: None)),
    "policies, whether critical or not": Manner(
        more=(
            (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]), True),
        )
    ),
}
REFUSED = {
    "another key": Manner(other_key=True),
    "subject": Manner(subject=rebuilt(serial_number)),
    "subject 'CN=dev1'": Manner(subject=rebuilt(without_organisation)),
    "alternative names [dns:dev1.example.org], not": Manner(keep=lambda name: isinstance(name, x509.DNSName)),
    "alternative names []": Manner(keep=lambda _: False),
    "admin@example.org": Manner(extra_names=(x509.RFC822Name("admin@example.org"),)),
    "key usage [], not": Manner(usages=None),
    "key usage [digitalSignature, keyEncipherment]": Manner(
        usages=frozenset({"digital_signature", "key_encipherment"})
    ),
    "purposes [], not": Manner(purposes=None),
    "purposes [1.3.6.1.5.5.7.3.1], not [1.3.6.1.5.5.7.3.2]": Manner(
        purposes=(ExtendedKeyUsageOID.SERVER_AUTH,)
    ),
    "purposes [1.3.6.1.5.5.7.3.1, 1.3.6.1.5.5.7.3.2]": Manner(
        purposes=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    ),
    "purposes [1.3.6.1.5.5.7.3.2, 2.5.29.37.0]": Manner(
        purposes=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    ),
    "longer than 90 days": Manner(life=92 * DAYS),
    "it begins later": Manner(begins=timedelta(minutes=10)),
    "it has ended": Manner(begins=-2 * DAYS, life=-DAYS),
    "a signature that is not of the CA's key": Manner(other_issuer=True),
    "a CA certificate": Manner(ca=True),
    "extension 1.3.6.1.4.1.311.25.2, which nobody": Manner(more=(sid("0"),)),
    "extension 2.5.29.30, which nobody": Manner(
        more=((x509.NameConstraints([x509.DNSName("example.org")], None), True),)
    ),
}


@pytest.mark.parametrize("manner", TAKEN.values(), ids=TAKEN.keys())
def test_what_a_ca_may_do(manner: Manner) -> None:
    scene = made(manner)
    accept(scene.certificate, wanted(csr()), scene.authority, now())


@pytest.mark.parametrize(("said", "manner"), REFUSED.items(), ids=REFUSED.keys())
def test_what_a_ca_may_not_do(said: str, manner: Manner) -> None:
    scene = made(manner)
    with pytest.raises(IssuanceFault) as caught:
        accept(scene.certificate, wanted(csr()), scene.authority, now())
    assert said in caught.value.reason


def test_another_ca_s_certificate_is_not_this_one_s() -> None:
    other = Certificate.from_der(Authority.make("p-256").chain[1].public_bytes(Encoding.DER))
    with pytest.raises(IssuanceFault, match="issuer "):
        accept(made(Manner()).certificate, wanted(csr()), other, now())


def test_all_differences_are_told_at_once() -> None:
    scene = made(Manner(purposes=None, usages=None, keep=lambda _: False))
    with pytest.raises(IssuanceFault) as caught:
        accept(scene.certificate, wanted(csr()), scene.authority, now())
    assert caught.value.reason.count(";") == 2


def test_an_extension_that_was_asked_for_has_to_be_there() -> None:
    scene, request = made(Manner()), csr()
    grant = Grant(frozenset({"digitalSignature"}), ("1.3.6.1.5.5.7.3.2",), sid=SID.rpartition(":")[2])
    asked = template(request, grant, now=now(), backdate=timedelta(0), life=90 * DAYS)
    with pytest.raises(IssuanceFault, match=r"1\.3\.6\.1\.4\.1\.311\.25\.2 is missing"):
        accept(scene.certificate, asked, scene.authority, now())
