"""Keys that are made here, certified by an outside CA over EST: delivered as ours are, and what is lost is listed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.ca.est import EST
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.outside_promises import OutsidePromises, request_of
from shared.errors import Conflict, IssuerUnavailable, PolicyViolation
from shared.pfx.issue import PKCSIssuance
from shared.store.memory_submissions import MemorySubmissions
from shared.x509.certificate import CertificateTemplate
from shared.x509.request import CertificateRequest
from tests.ca.outside import PATIENCE, now, settings
from tests.ca.stores import Crash, WatchedStore
from tests.est.authority import Manner
from tests.est.server import Breaks, ESTServer
from tests.pfx.world import PKCSWorld, made_key, mail, parse

DER = serialization.Encoding.DER
EMAIL = (ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ESTServer]:
    with ESTServer(tmp_path) as running:
        running.manner = Manner(purposes=EMAIL, usages=frozenset({"digital_signature", "key_encipherment"}))
        yield running


class Scene:
    """The world of PKCS at this very time, whose profile `mail` an outside CA issues."""

    def __init__(self, server: ESTServer) -> None:
        self.server, self.world, self.submissions = server, PKCSWorld(), MemorySubmissions()
        self.world.scep.now = now()
        self.world.enrol()
        self.store = WatchedStore(self.world.scep.store)
        self.pkcs = self.worker()

    def worker(self) -> PKCSIssuance:
        issuer = OutsideIssuer.read("others", self.server.chain)
        authority = OutsidePromises(
            issuer, EST(settings(self.server)), self.store, self.submissions, patience=PATIENCE
        )
        own = self.world.worker()
        outside = replace(own.attempts, authority=authority, request=request_of)
        return replace(own, others={"mail": outside})


@pytest.fixture
def scene(server: ESTServer) -> Scene:
    return Scene(server)


def test_the_request_is_read_by_our_own_reader_and_by_pyca() -> None:
    scene_template: list[CertificateTemplate] = []
    world = PKCSWorld()
    world.enrol()
    own = world.worker()

    def note(template: CertificateTemplate, key: object) -> bytes:
        scene_template.append(template)
        return b""

    replace(own, others={"mail": replace(own.attempts, request=note)}).serve(parse(mail()), world.caller())
    for number, kind in enumerate(("RSA-2048", "P-256")):
        key = made_key(kind, number)
        template = replace(scene_template[0], spki=_spki(key))
        der = request_of(template, key)
        CertificateRequest.from_der(der)
        read = x509.load_der_x509_csr(der)
        assert read.is_signature_valid
        assert read.subject.public_bytes() == template.subject.encoded
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.RFC822Name) == ["ann@example.org"]


def _spki(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(DER, form)  # type: ignore[attr-defined,no-any-return]


def test_it_is_delivered_and_on_record_under_the_ca_s_own_serial(scene: Scene) -> None:
    entry = scene.pkcs.serve(parse(mail()), scene.world.caller())
    (issued,) = scene.server.issued
    assert int(entry.serial, 16) == issued.serial_number
    assert list(scene.submissions.all()) == []
    opened = scene.world.open(entry)
    key, certificate, _ = pkcs12.load_key_and_certificates(opened.pfx, opened.password.encode())
    assert certificate == issued
    assert key is not None
    assert key.public_key() == issued.public_key()
    again = scene.pkcs.serve(parse(mail()), scene.world.caller())
    assert again.serial == entry.serial
    assert len(scene.server.issued) == 1


def test_what_is_not_as_asked_fails_the_order_and_is_listed(scene: Scene) -> None:
    scene.server.manner = replace(scene.server.manner, extra_names=(x509.DNSName("ceo.example.org"),))
    with pytest.raises(PolicyViolation, match=r"ceo\.example\.org"):
        scene.pkcs.serve(parse(mail()), scene.world.caller())
    (orphan,) = scene.submissions.all()
    assert int(orphan.serial, 16) == scene.server.issued[0].serial_number


def test_a_ca_that_wants_to_be_asked_again_cannot_be_used(scene: Scene) -> None:
    scene.server.pending = 1
    with pytest.raises(PolicyViolation, match="cannot wait"):
        scene.pkcs.serve(parse(mail()), scene.world.caller())
    assert list(scene.submissions.all()) == []
    assert scene.server.issued == []


def test_a_crash_before_the_delivery_leaves_an_orphan_and_the_next_attempt_delivers(scene: Scene) -> None:
    def die() -> None:
        if scene.store.calls["claim"] == 2:  # what is asked for, then what came
            raise Crash

    scene.store.after["claim"] = die
    with pytest.raises(Crash):
        scene.pkcs.serve(parse(mail()), scene.world.caller())
    entry = scene.worker().serve(parse(mail()), scene.world.caller())
    lost, given = scene.server.issued
    assert int(entry.serial, 16) == given.serial_number
    (orphan,) = scene.submissions.all()
    lost_key = lost.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert orphan.key_hash == sha256(lost_key).hexdigest()


def test_a_lost_answer_is_an_orphan_and_another_worker_takes_over_in_time(scene: Scene) -> None:
    scene.server.troubles.append(Breaks(after=True))
    with pytest.raises(IssuerUnavailable):
        scene.pkcs.serve(parse(mail()), scene.world.caller())
    with pytest.raises(Conflict, match="being asked for"):
        scene.worker().serve(parse(mail()), scene.world.caller())
    scene.world.scep.now += PATIENCE + timedelta(seconds=2)
    entry = scene.worker().serve(parse(mail()), scene.world.caller())
    assert int(entry.serial, 16) == scene.server.issued[1].serial_number
    assert len(list(scene.submissions.all())) == 1
