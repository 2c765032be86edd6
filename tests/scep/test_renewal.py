"""Who may renew by certificate alone: decided by the signer, its record and the profile, before any challenge."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from shared.scep.client import Reply, Requester
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.scep.renewal import Renewals
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest
from tests.ca.stores import WatchedStore
from tests.scep.authority import DAY, NOW, World, csr, key, self_signed
from tests.scep.crafting import certified

IN_WINDOW = 200 * DAY
SECOND = timedelta(seconds=1)


@pytest.fixture
def world() -> World:
    return World()


def enrol(world: World, **order: Any) -> Requester:
    reply = world.send(csr(challenge=world.challenge(**order)), self_signed())
    assert reply.status is PKIStatus.SUCCESS, reply
    return Requester(reply.certificates[0], key(0))


def refused(reply: Reply) -> FailInfo | None:
    assert reply.status is PKIStatus.FAILURE
    return reply.fail_info


@pytest.mark.parametrize("kind", [MessageType.PKCS_REQ, MessageType.RENEWAL_REQ])
@pytest.mark.parametrize("new_key", [0, 1])
def test_a_signer_of_ours_in_its_window_renews(world: World, kind: MessageType, new_key: int) -> None:
    device = enrol(world)
    world.now += IN_WINDOW
    reply = world.send(csr(number=new_key), device, kind=kind)
    assert reply.status is PKIStatus.SUCCESS
    record = world.store.find(world.issuer.id, reply.certificates[0].serial_hex)
    assert record is not None
    old = device.certificate.serial_hex
    assert (record.predecessor, record.vouched_by) == (old, f"renewal:{old}")
    assert (record.device, record.profile) == ("dev1", "device")
    assert record.challenge_minted_at == NOW


def test_the_window_opens_at_half_life_and_closes_at_the_end(world: World) -> None:
    device = enrol(world)
    opens = device.certificate.not_before + 365 * DAY / 2
    world.now = opens - SECOND
    early = world.send(csr(), device)
    assert (refused(early), "early" in early.fail_text) == (FailInfo.BAD_REQUEST, True)
    world.now = opens
    assert world.send(csr(), device).status is PKIStatus.SUCCESS
    world.now = device.certificate.not_after
    assert refused(world.send(csr(number=1), device)) is FailInfo.BAD_CERT_ID


@pytest.mark.parametrize("fate", ["keyCompromise", "certificateHold", "superseded"])
def test_what_is_revoked_or_held_does_not_renew(world: World, fate: str) -> None:
    device = enrol(world)
    world.revocations.revoke(world.issuer.id, device.certificate.serial_hex, fate, by="tests")
    world.now += IN_WINDOW
    assert refused(world.send(csr(), device)) is FailInfo.BAD_CERT_ID
    if fate == "certificateHold":
        world.revocations.lift(world.issuer.id, device.certificate.serial_hex)
        assert world.send(csr(), device).status is PKIStatus.SUCCESS


def test_a_renewal_that_was_revoked_is_not_handed_out_again(world: World) -> None:
    device = enrol(world)
    world.now += IN_WINDOW
    renewed = world.send(csr(number=1), device).certificates[0]
    world.revocations.revoke(world.issuer.id, renewed.serial_hex, "keyCompromise", by="tests")
    assert refused(world.send(csr(number=1), device)) is FailInfo.BAD_REQUEST


def test_the_names_must_stay_as_they_are(world: World) -> None:
    sans = (x509.DNSName("dev1.example.org"),)
    reply = world.send(
        csr(challenge=world.challenge(sans=["dns:dev1.example.org"]), sans=sans), self_signed()
    )
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    device = Requester(reply.certificates[0], key(0))
    world.now += IN_WINDOW
    others: list[dict[str, Any]] = [
        {"subject": "CN=dev2,O=Example", "sans": sans},
        {"subject": "CN=dev1", "sans": sans},
        {},
        {"sans": (x509.DNSName("dev2.example.org"),)},
        {"sans": (*sans, x509.DNSName("dev2.example.org"))},
    ]
    for other in others:
        answer = world.send(csr(**other), device)
        assert refused(answer) is FailInfo.BAD_REQUEST
        assert "dev1" not in answer.fail_text
    assert world.send(csr(sans=sans), device).status is PKIStatus.SUCCESS


def test_another_profile_does_not_renew_it(world: World) -> None:
    device = enrol(world)
    world.now += IN_WINDOW
    assert refused(world.send(csr(), device, profile="user")) is FailInfo.BAD_REQUEST
    assert refused(world.send(csr(), device, profile="static")) is FailInfo.BAD_REQUEST


def test_a_profile_that_wants_challenges_does_not_renew_without(world: World) -> None:
    order = {"profile": "user", "user": "ann@example.org", "device": ""}
    request = csr("CN=ann", challenge=world.challenge("CN=ann", **order))
    reply = world.send(request, self_signed(), profile="user")
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    holder = Requester(reply.certificates[0], key(0))
    world.now += 340 * DAY
    assert refused(world.send(csr("CN=ann", number=1), holder, profile="user")) is FailInfo.BAD_REQUEST
    challenge = world.challenge("CN=ann", **order)
    again = world.send(csr("CN=ann", number=1, challenge=challenge), holder, profile="user")
    assert again.status is PKIStatus.SUCCESS


@pytest.mark.parametrize("challenge", [None, ""])
def test_a_stranger_without_challenge_is_refused(world: World, challenge: str | None) -> None:
    assert refused(world.send(csr(challenge=challenge), self_signed())) is FailInfo.BAD_REQUEST


def test_a_wrong_challenge_does_not_hinder_a_renewal(world: World) -> None:
    """Real clients send the challenge of their first enrolment again."""
    device = enrol(world)
    world.now += IN_WINDOW
    assert world.send(csr(number=1, challenge="long expired"), device).status is PKIStatus.SUCCESS


def test_a_forged_signer_with_our_name_renews_nothing(world: World) -> None:
    """A self-made certificate that claims our CA as its issuer and a serial that is on record."""
    device = enrol(world)
    world.now += IN_WINDOW
    forged = certified(key(1), issuer=world.issuer.certificate, serial=device.certificate.serial)
    assert forged.issuer.encoded == world.issuer.certificate.subject.encoded
    for challenge in (None, ""):
        reply = world.send(csr(number=1, challenge=challenge), Requester(forged, key(1)))
        assert refused(reply) is FailInfo.BAD_REQUEST


def test_the_ra_certificate_is_no_signer_that_renews(world: World) -> None:
    """It is ours and valid, but no device's: it is not on record."""
    ra = Requester(world.ra.certificate, world.ra.key)
    assert refused(world.send(csr("CN=RA"), ra)) is FailInfo.BAD_CERT_ID


def test_a_signer_of_ours_may_enrol_another_key_with_a_challenge_but_a_dead_one_may_not(world: World) -> None:
    device = enrol(world)
    fresh = csr(number=1, challenge=world.challenge())
    assert world.send(fresh, device).status is PKIStatus.SUCCESS
    world.revocations.revoke(world.issuer.id, device.certificate.serial_hex, "keyCompromise", by="tests")
    other = csr(number=2, challenge=world.challenge())
    assert refused(world.send(other, device)) is FailInfo.BAD_MESSAGE_CHECK


def test_examining_costs_one_read_for_our_signers_and_none_for_strangers(world: World) -> None:
    device = enrol(world)
    watched = WatchedStore(world.store)
    renewals = Renewals(world.issuer, watched)
    request = CertificateRequest.from_der(csr())
    renewals.examine(self_signed().certificate, request, world.profile(), world.now)
    assert watched.calls == Counter()
    renewals.examine(device.certificate, request, world.profile(), world.now)
    assert watched.calls == Counter(find=1)


def test_a_chain_of_renewals_is_one_certificate_each_and_each_predecessor_is_listed(world: World) -> None:
    device, serials = enrol(world), list[str]()
    for number in (1, 2):
        world.now += 182 * DAY
        reply = world.send(csr(number=number), device)
        assert reply.status is PKIStatus.SUCCESS
        serials.append(device.certificate.serial_hex)
        device = Requester(reply.certificates[0], key(number))
    waiting = [each.serial for each in world.store.due((world.now + 7 * DAY).date())]
    assert waiting == serials
    assert len({claim.serial for claim in world.store.owned_by("device:dev1")}) == 3


def test_a_certificate_of_another_ca_is_a_stranger(world: World) -> None:
    other = World("p-384")
    foreign: Certificate = enrol(other).certificate
    world.now += IN_WINDOW
    reply = world.send(csr(), Requester(foreign, key(0)))
    assert (refused(reply), reply.certificates) == (FailInfo.BAD_REQUEST, ())
