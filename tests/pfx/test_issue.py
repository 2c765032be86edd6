"""An order from its JSON to a PFX on the device: what is on record, what is delivered, and what is told."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.asn1 import oids
from shared.asn1.pem import pem
from shared.errors import AlgorithmRefused, IdReused, MalformedMessage, PolicyViolation, RequestError
from shared.pfx.recipients import RecipientRefused
from shared.store.orders import OrderState
from shared.store.ports import Status
from tests.pfx.world import (
    CALLBACK_SECRET,
    NOW,
    RESULTS,
    SID,
    Opened,
    PKCSWorld,
    device_key,
    machine,
    mail,
    parse,
)
from tests.programs import OpenSSL

USER = mail()["user"]


def bare_key(kind: str = "rsa", number: int = 5) -> str:
    public = device_key(kind, number).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_an_order_becomes_a_pfx_that_only_its_device_opens(world: PKCSWorld, openssl: OpenSSL) -> None:
    entry = world.serve()
    assert (entry.state, entry.note) == (OrderState.DELIVERED, "")
    opened = world.open(entry)
    assert len(opened.passwords) == 3
    (openssl.folder / "ann.p12").write_bytes(opened.pfx)
    options = ("pkcs12", "-in", "ann.p12", "-passin", f"pass:{opened.password}", "-noenc")
    (openssl.folder / "ann.pem").write_bytes(openssl.run(*options, "-clcerts"))
    assert openssl.run("x509", "-in", "ann.pem", "-outform", "DER") == opened.certificate.der
    with pytest.raises(RequestError):
        world.open(entry, number=1)


def test_the_record_says_who_got_it_and_on_whose_word(world: PKCSWorld) -> None:
    entry = world.serve()
    (record,) = world.records()
    assert (record.serial, record.status) == (entry.serial, Status.GOOD)
    assert (record.profile, record.vouched_by) == ("mail", "pkcs:mdm")
    assert (record.device, record.user) == ("dev1", "ann@example.org")
    assert record.challenge_minted_at == NOW
    assert record.sans == ("upn:ann@example.org", "email:ann@example.org")
    for owner in ("device:dev1", "user:ann@example.org"):
        assert entry.serial in {claim.serial for claim in world.scep.store.owned_by(owner)}


def test_the_subject_is_that_of_the_format_and_usages_are_the_profile_s(world: PKCSWorld) -> None:
    certificate = world.open(world.serve()).certificate
    assert certificate.subject.text() == "CN=ann,E=ann@example.org,O=Example\\, Inc."
    assert certificate.key_usage == frozenset({"digitalSignature", "keyEncipherment"})
    assert certificate.extended_key_usage == (oids.EKU_EMAIL_PROTECTION, oids.EKU_CLIENT_AUTH)
    assert certificate.not_after - certificate.not_before == timedelta(days=365)
    assert oids.MS_NTDS_CA_SECURITY not in certificate.extensions


def test_an_order_can_shorten_the_validity(world: PKCSWorld) -> None:
    certificate = world.open(world.serve(validityDays=30)).certificate
    assert certificate.not_after - certificate.not_before == timedelta(days=30)


def test_a_machine_gets_the_sid_extension_its_chain_and_the_legacy_encoding(
    world: PKCSWorld, openssl: OpenSSL
) -> None:
    entry = world.serve(machine(recipient={"key": bare_key()}))
    opened = world.open(entry, number=5)
    critical, value = opened.certificate.extensions[oids.MS_NTDS_CA_SECURITY]
    assert (critical, SID.encode() in value) == (False, True)
    assert opened.document["encoding"] == "legacy"
    (openssl.folder / "machine.p12").write_bytes(opened.pfx)
    options = ("pkcs12", "-in", "machine.p12", "-passin", f"pass:{opened.password}")
    assert "pbeWithSHA1And3-KeyTripleDES-CBC" in openssl.words(*options, "-info", "-noout")
    assert openssl.run(*options, "-cacerts", "-nokeys").count(b"BEGIN CERTIFICATE") == 2
    (record,) = world.records("machine")
    assert record.device == machine()["device"]["intuneDeviceId"]


@pytest.mark.parametrize("sid", [None, "", "S-1-5-18", "S-1-5-21-1-2-3"])
def test_a_machine_without_the_sid_of_an_account_gets_nothing(world: PKCSWorld, sid: str | None) -> None:
    device = {**machine()["device"], "onPremisesSecurityIdentifier": sid}
    device = {name: value for name, value in device.items() if value}
    with pytest.raises(PolicyViolation, match=r"security identifier|onPremisesSecurityIdentifier is missing"):
        world.serve(machine(recipient={"key": bare_key()}, device=device))
    assert world.records("machine") == []


@pytest.mark.parametrize(("kind", "number"), [("rsa", 5), ("p-256", 5)])
def test_a_bare_key_in_pem_or_as_jwk_where_the_profile_says_so(
    world: PKCSWorld, kind: str, number: int
) -> None:
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    public: Any = device_key(kind, number).public_key()
    jwk = (
        RSAAlgorithm.to_jwk(public, as_dict=True)
        if kind == "rsa"
        else ECAlgorithm.to_jwk(public, as_dict=True)
    )
    for name, recipient in (("a", {"key": bare_key(kind, number)}), ("b", {"jwk": jwk})):
        opened = world.open(world.serve(machine(id=name, recipient=recipient)), kind, number)
        assert set(opened.document["recipient"]) == {"keyIdentifier"}


def test_a_p_256_device_is_sealed_to_by_key_agreement(world: PKCSWorld) -> None:
    world.scep.now += timedelta(minutes=1)
    world.enrol(kind="p-256", number=7)
    opened = world.open(world.serve(), "p-256", 7)
    assert [sealed["form"] for sealed in opened.document["password"]] == ["cms"]


def test_openssl_signs_and_encrypts_mail_with_what_was_delivered(world: PKCSWorld, openssl: OpenSSL) -> None:
    opened = world.open(world.serve())
    folder = openssl.folder
    (folder / "ann.p12").write_bytes(opened.pfx)
    options = ("pkcs12", "-in", "ann.p12", "-passin", f"pass:{opened.password}", "-noenc")
    (folder / "ann.key").write_bytes(openssl.run(*options, "-nocerts"))
    (folder / "ann.pem").write_bytes(openssl.run(*options, "-clcerts", "-nokeys"))
    (folder / "issuing.pem").write_bytes(openssl.run(*options, "-cacerts", "-nokeys"))
    (folder / "root.pem").write_bytes(pem("CERTIFICATE", world.scep.root.der))
    text = b"Dear Bob,\r\n\r\nsee you at noon.\r\n"
    at = ("-attime", str(int(NOW.timestamp())))
    signer = ("-signer", "ann.pem", "-inkey", "ann.key", "-certfile", "issuing.pem")
    (folder / "signed").write_bytes(openssl.run("cms", "-sign", "-nodetach", *signer, data=text))
    trust = ("-CAfile", "root.pem", "-purpose", "smimesign", *at)
    assert openssl.run("cms", "-verify", "-in", "signed", *trust) == text
    (folder / "sealed").write_bytes(openssl.run("cms", "-encrypt", "-aes-256-cbc", "ann.pem", data=text))
    keys = ("-recip", "ann.pem", "-inkey", "ann.key")
    assert openssl.run("cms", "-decrypt", "-in", "sealed", *keys) == text


def test_the_same_order_again_is_the_same_certificate(world: PKCSWorld) -> None:
    first = world.serve()
    content = world.store.blobs[first.delivery].content
    assert world.serve() == first
    assert world.serve(requestedAt=NOW.isoformat()) == first
    assert world.store.blobs[first.delivery].content == content
    assert len(world.records()) == len(world.claims()) == 1


def test_the_same_id_with_another_body_is_refused_and_told(world: PKCSWorld) -> None:
    first = world.serve(result={"queue": RESULTS})
    other = mail(result={"queue": RESULTS}, user={**USER, "userName": "bob"})
    for act in (world.pkcs.serve, world.pkcs.accept):
        with pytest.raises(IdReused):
            act(parse(other), world.caller())
    assert [message["state"] for message, _ in world.queue.sent] == ["delivered", "failed"]
    assert world.pkcs.find(world.caller(), "order-1") == first
    assert len(world.records()) == 1


def test_callers_do_not_share_ids(world: PKCSWorld) -> None:
    entries = [world.serve(caller=name) for name in ("mdm", "narrow")]
    assert entries[0].delivery != entries[1].delivery
    assert {record.vouched_by for record in world.records()} == {"pkcs:mdm", "pkcs:narrow"}


def test_a_result_is_told_and_holds_no_secret(world: PKCSWorld) -> None:
    entry = world.serve(result={"queue": RESULTS})
    world.serve(mail(id="order-2", result={"callback": "https://hooks.example.org/done"}))
    ((told, delay),) = world.queue.sent
    assert delay == 0
    assert told == {
        "version": 1,
        "id": "order-1",
        "kind": "pkcs",
        "caller": "mdm",
        "profile": "mail",
        "state": "delivered",
        "serial": entry.serial,
        "delivery": f"/deliveries/{entry.delivery}",
    }
    ((call, _),) = world.callbacks.sent
    assert (call["url"], call["caller"], call["body"]["id"]) == (
        "https://hooks.example.org/done",
        "mdm",
        "order-2",
    )
    opened = world.open(entry)
    said = json.dumps([told, call]) + repr(entry)
    for secret in (opened.password, CALLBACK_SECRET, opened.document["pfx"][:40]):
        assert secret not in said


def test_a_failure_is_on_record_told_and_may_be_tried_again(world: PKCSWorld) -> None:
    order = mail(device={"id": "dev2"}, result={"queue": RESULTS})
    with pytest.raises(RecipientRefused, match="no certificate of ours"):
        world.serve(order)
    entry = world.pkcs.find(world.caller(), "order-1")
    assert entry is not None
    assert (entry.state, "no certificate of ours" in entry.note) == (OrderState.FAILED, True)
    assert [message["state"] for message, _ in world.queue.sent] == ["failed"]
    assert world.records() == world.claims("device:dev2") == []
    world.enrol("dev2")
    assert world.serve(order).state is OrderState.DELIVERED
    assert [message["state"] for message, _ in world.queue.sent] == ["failed", "delivered"]


def test_an_order_is_served_within_a_day_or_not_at_all(world: PKCSWorld) -> None:
    """Device events count on it: they come back once, a day later."""
    order = mail(requestedAt=NOW.isoformat())
    world.scep.now += timedelta(hours=24)
    assert world.serve(order).requested_at == NOW
    world.scep.now += timedelta(seconds=1)
    with pytest.raises(PolicyViolation, match="older than 24 hours"):
        world.serve(order | {"id": "order-9"})
    with pytest.raises(MalformedMessage, match="future"):
        world.serve(mail(id="order-8", requestedAt=(world.scep.now + timedelta(hours=1)).isoformat()))


WRONG: list[tuple[dict[str, Any], type[RequestError], str]] = [
    ({"profile": "nobody"}, PolicyViolation, "may not order for that profile"),
    ({"profile": "scep"}, PolicyViolation, "enrolled over SCEP"),
    ({"user": None}, PolicyViolation, "user is missing"),
    ({"user": {"userName": "ann"}}, PolicyViolation, "user.userPrincipalName or user.id is missing"),
    (
        {"user": {"userPrincipalName": "ann@example.org", "emailAddress": "a@example.org"}},
        PolicyViolation,
        "user.userName is missing, which {{UserName}} stands for",
    ),
    ({"user": {**USER, "userName": "a\nb"}}, PolicyViolation, "CN"),
    ({"user": {**USER, "emailAddress": "žofie@example.org"}}, PolicyViolation, "subject cannot be made"),
    ({"user": {**USER, "emailAddress": "no address"}}, PolicyViolation, "email"),
    ({"validityDays": 366}, PolicyViolation, "validity_days is too long"),
    ({"sealing": ["rsa-oaep-256"], "profile": "machine", "user": None}, PolicyViolation, "device.deviceName"),
    ({"recipient": {"key": bare_key()}}, RecipientRefused, "a bare key is not allowed"),
    ({"device": None}, RecipientRefused, "names no device"),
    ({"recipient": {"serial": "00" * 19}}, RecipientRefused, "no certificate of this device has that serial"),
    ({"result": {"queue": "another"}}, PolicyViolation, "SCEPTER_RESULT_QUEUES"),
    ({"result": {"callback": "http://hooks.example.org/"}}, PolicyViolation, "https"),
    ({"result": {"callback": "https://elsewhere.example.com/"}}, PolicyViolation, "SCEPTER_CALLBACK_HOSTS"),
    ({"result": {"callback": "https://10.0.0.1/"}}, PolicyViolation, "not public"),
]


@pytest.mark.parametrize(("changes", "kind", "says"), WRONG, ids=[says[:40] for _, _, says in WRONG])
def test_what_is_wrong_is_its_own_clear_error_and_leaves_nothing(
    world: PKCSWorld, changes: dict[str, Any], kind: type[RequestError], says: str
) -> None:
    with pytest.raises(kind) as refused:
        world.serve(**changes)
    assert says in refused.value.reason
    assert refused.value.public != PolicyViolation.public
    assert [*world.claims(), *world.records(), *world.store.all()] == []
    entry = world.pkcs.find(world.caller(), "order-1")
    assert entry is not None
    assert says in entry.note


def test_a_recipient_key_of_512_bits_is_refused(world: PKCSWorld, openssl: OpenSSL) -> None:
    openssl.run("genrsa", "-out", "small.key", "512")
    small = openssl.run("rsa", "-in", "small.key", "-pubout").decode()
    with pytest.raises(AlgorithmRefused, match="512 bits"):
        world.serve(machine(recipient={"key": small}))
    assert list(world.store.all()) == []


def test_what_accept_takes_is_what_serve_serves(world: PKCSWorld) -> None:
    entry = world.pkcs.accept(parse(mail()), world.caller())
    assert entry.state is OrderState.ACCEPTED
    assert list(world.store.all()) == []
    assert world.serve().delivery == entry.delivery
    assert world.pkcs.accept(parse(mail()), world.caller()).state is OrderState.DELIVERED


def test_a_narrow_caller_keeps_to_its_patterns(world: PKCSWorld) -> None:
    with pytest.raises(PolicyViolation, match=r"narrow: 2\.5\.4\.3 'bob'"):
        world.serve(caller="narrow", user={**USER, "userName": "bob"})
    assert world.serve(id="order-2", caller="narrow").state is OrderState.DELIVERED


def test_values_that_break_other_products_arrive_exactly(world: PKCSWorld) -> None:
    awkward = 'Smith, Ann + "Bo=b" #1; <x> \\ Ž'
    certificate = world.open(world.serve(user={**USER, "userName": awkward})).certificate
    assert certificate.subject.values("CN") == (awkward,)


def test_nothing_secret_is_in_anything_that_is_kept(
    world: PKCSWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    opened = world.open(world.serve(result={"queue": RESULTS}))
    kept = (
        repr(vars(world.scep.store))
        + repr(world.orders.rows)
        + repr(world.acts.rows)
        + repr(world.store.blobs)
    )
    kept += json.dumps(world.queue.sent) + caplog.text + repr(world.pkcs)
    kept += "".join(str(asdict(delivery)) for delivery in world.store.blobs.values())
    assert opened.password not in kept
    assert isinstance(opened, Opened)
