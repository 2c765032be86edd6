"""Mutated messages by the thousand: each is malformed or gets a CertRep; nothing else ever comes out."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Callable

import pytest

from shared.asn1 import oids, tags, writer
from shared.asn1.reader import Element, read_der
from shared.errors import MalformedMessage
from shared.keys.ports import public_key_info
from shared.scep.message import PKIStatus
from shared.x509.extensions import extended_key_usage, key_usage, subject_alternative_name
from shared.x509.general_names import GeneralName
from shared.x509.names import Name
from tests.scep.authority import STATIC_SECRET, World, csr, key
from tests.scep.crafting import USUAL, Answer, envelope
from tests.scep.crafting import message as sign
from tests.x509.material import challenge, extension_request, signed_request

TAGS = bytes(
    [0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x1E, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xFF]
)


def flip(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def replace(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] = source.choice(TAGS)


def cut(data: bytearray, source: random.Random) -> None:
    del data[source.randrange(len(data)) :]


def drop(data: bytearray, source: random.Random) -> None:
    at = source.randrange(len(data))
    del data[at : at + source.randrange(1, 9)]


def insert(data: bytearray, source: random.Random) -> None:
    at = source.randrange(len(data))
    data[at:at] = source.randbytes(source.randrange(1, 9))


def repeat(data: bytearray, source: random.Random) -> None:
    at, length = source.randrange(len(data)), source.randrange(1, 65)
    data[at:at] = data[at : at + length]


def swap(data: bytearray, source: random.Random) -> None:
    one, other = source.randrange(len(data)), source.randrange(len(data))
    length = source.randrange(1, 33)
    data[one : one + length], data[other : other + length] = (
        data[other : other + length],
        data[one : one + length],
    )


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip,
    flip,
    replace,
    cut,
    drop,
    insert,
    repeat,
    swap,
)


def mutated(data: bytes, source: random.Random) -> bytes:
    """`data` with one to three changes."""
    changed = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        if changed:
            source.choice(CHANGES)(changed, source)
    return bytes(changed)


def mutated_inside(data: bytes, source: random.Random) -> bytes:
    """DER with one change somewhere down its tree, and lengths that fit again: it gets past the first readers."""
    element = read_der(data)
    parts = [child.encoded for child in _children(element)]
    if not parts or source.randrange(8) == 0:
        tag = source.choice((element.tag, element.tag, element.tag, *TAGS))
        return writer.tlv(tag, mutated(element.contents, source))
    at = source.randrange(len(parts))
    fate = source.randrange(16)
    if fate < 3:
        parts[at : at + 1] = [[], parts[at : at + 1] * 2, [*parts[at + 1 : at + 2], parts[at]]][fate]
    else:
        parts[at] = mutated_inside(parts[at], source)
    return writer.tlv(element.tag, b"".join(parts))


def _children(element: Element) -> list[Element]:
    if element.tag & tags.CONSTRUCTED:
        return element.children()
    if element.tag != tags.OCTET_STRING:
        return []
    try:
        return [read_der(element.contents)]  # the value of an extension
    except MalformedMessage:
        return []


class Target:
    """A service with messages it would serve; tells what became of a mutated one."""

    def __init__(self) -> None:
        self.world = World()
        self.request = csr(challenge=self.world.challenge())
        self.envelope = envelope(self.world, self.request)
        self.name = Name.build([("CN", "dev1")]).encoded
        names = [GeneralName.dns("dev1.example.org"), GeneralName.upn("a@example.org")]
        asked = [key_usage(["digitalSignature"]).encoded, extended_key_usage([oids.EKU_CLIENT_AUTH]).encoded]
        secret = challenge(writer.utf8_string(STATIC_SECRET))
        self.held = [
            writer.context(0, secret + extension_request(*asked)),
            writer.context(0, secret + extension_request(*asked, subject_alternative_name(names).encoded)),
        ]
        self.seeds = [
            ("device", sign(self.envelope)),
            ("static", sign(envelope(self.world, csr("CN=dev1", challenge=STATIC_SECRET)))),
            ("device", sign(envelope(self.world, csr()))),
        ]

    def outer(self, source: random.Random) -> str:
        """Any byte of a message changed: mostly the signature no longer holds."""
        profile, seed = source.choice(self.seeds)
        return self.tell(source.choice((mutated, mutated_inside))(seed, source), profile)

    def inner(self, source: random.Random) -> str:
        """A mutated envelope, properly signed: what only a holder of any key can send."""
        change = source.choice((mutated, mutated_inside))
        return self.tell(sign(change(self.envelope, source)), "device")

    def request_inside(self, source: random.Random) -> str:
        """A mutated request, properly sealed and signed."""
        return self.tell(sign(envelope(self.world, mutated(self.request, source))), "device")

    def resigned(self, source: random.Random) -> str:
        """Mutated names and attributes in a request that its key has signed: policy and issuing see these."""
        name, held = self.name, source.choice(self.held)
        if source.randrange(3):
            held = mutated_inside(held, source)
        else:
            name = mutated_inside(name, source)
        info = writer.sequence(writer.integer(0), name, public_key_info(key(0)), held)
        return self.tell(sign(envelope(self.world, signed_request(info, key(0)))), "static")

    def attributes(self, source: random.Random) -> str:
        """Mutated attributes under a signature that holds."""
        oid = source.choice(list(USUAL))
        value = USUAL[oid] or b""
        tag = source.choice((value[0], value[0], *TAGS))
        changed = {oid: writer.tlv(tag, mutated(value[2:], source))}
        extra = {f"1.2.{source.randrange(40)}.{source.randrange(999)}": writer.null()}
        return self.tell(sign(self.envelope, {**changed, **extra}), "device")

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
    return Counter(getattr(target, layer)(source) for _ in range(count))


LAYERS = {"outer": 5000, "inner": 500, "request_inside": 400, "resigned": 800, "attributes": 700}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_mutated_message_is_malformed_or_answered(layer: str) -> None:
    fates = run(layer, LAYERS[layer], seed=8894)
    assert fates.total() == LAYERS[layer]
    assert len(fates) >= 2, fates


def test_a_mutated_request_never_becomes_another_certificate() -> None:
    """A request that was changed anywhere is no longer signed by its key."""
    target, source = Target(), random.Random(5280)
    for _ in range(500):
        target.request_inside(source)
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
        target.tell(sign(target.envelope, {oid: form}), "device")
        for form in forms
        for oid in (oids.SCEP_MESSAGE_TYPE, oids.SCEP_TRANSACTION_ID, oids.SCEP_SENDER_NONCE)
    )
    assert fates["malformed"] > 10


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_great_many_mutated_messages_are_malformed_or_answered(layer: str) -> None:
    seed = secrets.randbits(32)
    fates = run(layer, 50_000, seed)
    assert fates.total() == 50_000, f"seed {seed}"
