"""Mutated messages by the thousand: each is malformed or gets a CertRep; nothing else ever comes out."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from shared.asn1 import oids, writer
from shared.errors import MalformedMessage
from shared.scep.message import PKIStatus
from tests.fuzz.messages import Messages
from tests.scep.authority import World
from tests.scep.crafting import Answer, envelope
from tests.scep.crafting import message as sign


class Target:
    """A service with messages it would serve; tells what became of a mutated one."""

    def __init__(self) -> None:
        self.world = World()
        self.messages = Messages(self.world, self.world.challenge())

    def tell(self, data: bytes, profile: str) -> str:
        try:
            reply = self.world.service.pki_operation(data, self.world.profile(profile), now=self.world.now)
        except MalformedMessage:
            return "malformed"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            pytest.fail(f"{error!r} for {data.hex()}")
        answer = Answer.read(reply, self.world.ra.certificate)
        return answer.status.name if answer.status is PKIStatus.SUCCESS else f"failure {answer.fail_info}"


def run(layer: str, count: int, seed: int) -> Counter[str]:
    """What became of `count` messages; a failure names its seed and the message."""
    target, source = Target(), random.Random(seed)
    make = target.messages.layer(layer)
    return Counter(target.tell(*make(source)) for _ in range(count))


COUNTS = {"outer": 5000, "inner": 500, "request_inside": 400, "resigned": 800, "attributes": 700}


@pytest.mark.parametrize("layer", COUNTS)
def test_a_mutated_message_is_malformed_or_answered(layer: str) -> None:
    fates = run(layer, COUNTS[layer], seed=8894)
    assert fates.total() == COUNTS[layer]
    assert len(fates) >= 2, fates


def test_a_mutated_request_never_becomes_another_certificate() -> None:
    """A request that was changed anywhere is no longer signed by its key."""
    target, source = Target(), random.Random(5280)
    for _ in range(500):
        target.tell(*target.messages.request_inside(source))
    subjects = {record.subject for record in target.world.store.records(target.world.issuer.id)}
    assert subjects <= {"CN=dev1,O=Example"}


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"\x30\x80" * 40, b"\x30\x84\xff\xff\xff\xff", b"\xff" * 1000]
)
def test_junk_inside_every_layer_is_answered(junk: bytes) -> None:
    target = Target()
    assert target.tell(junk, "device") == "malformed"
    assert target.tell(sign(junk), "device").startswith("failure")
    assert target.tell(sign(envelope(target.world, junk)), "device").startswith("failure")


def test_attributes_of_every_form_are_read_or_refused() -> None:
    target = Target()
    forms = [
        writer.null(),
        writer.sequence(),
        writer.set_of([]),
        writer.integer(-(1 << 60)),
        writer.octet_string(b"\xff" * 300),
        writer.utf8_string("\u202e\U0001f511"),
        b"\x1e\x01\x00",  # half a character in a BMPString
        b"\x1e\x02\xd8\x00",  # half of a surrogate pair
        b"\x0c\x01\xff",
        b"\x13\x01\x00",
        b"\x1c\x04\xff\xff\xff\xff",
    ]
    fates = Counter(
        target.tell(sign(target.messages.envelope, {oid: form}), "device")
        for form in forms
        for oid in (oids.SCEP_MESSAGE_TYPE, oids.SCEP_TRANSACTION_ID, oids.SCEP_SENDER_NONCE)
    )
    assert fates["malformed"] > 10
