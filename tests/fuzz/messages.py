"""Messages that the service of a World would serve, each changed in one of its layers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from shared.asn1 import oids, writer
from shared.keys.ports import public_key_info
from shared.x509.extensions import extended_key_usage, key_usage, subject_alternative_name
from shared.x509.general_names import GeneralName
from shared.x509.names import Name
from tests.fuzz.mutation import TAGS, mutated, mutated_inside
from tests.scep.authority import STATIC_SECRET, World, csr, key
from tests.scep.crafting import USUAL, envelope
from tests.scep.crafting import message as sign
from tests.x509.material import challenge, extension_request, signed_request

Sent = tuple[bytes, str]
"""A message, and the profile it goes to."""


class Messages:
    """One method for each layer; the same `source` makes the same message."""

    def __init__(self, world: World, challenge_of_device: str) -> None:
        self.world = world
        self.request = csr(challenge=challenge_of_device)
        self.envelope = envelope(world, self.request)
        self.name = Name.build([("CN", "dev1")]).encoded
        names = [GeneralName.dns("dev1.example.org"), GeneralName.upn("a@example.org")]
        asked = [key_usage(["digitalSignature"]).encoded, extended_key_usage([oids.EKU_CLIENT_AUTH]).encoded]
        secret = challenge(writer.utf8_string(STATIC_SECRET))
        self.held = [
            writer.context(0, secret + extension_request(*asked)),
            writer.context(0, secret + extension_request(*asked, subject_alternative_name(names).encoded)),
        ]
        self.seeds = [
            (sign(self.envelope), "device"),
            (sign(envelope(world, csr("CN=dev1", challenge=STATIC_SECRET))), "static"),
            (sign(envelope(world, csr())), "device"),
        ]

    def outer(self, source: Random) -> Sent:
        """Any byte of a message changed: mostly the signature no longer holds."""
        seed, profile = source.choice(self.seeds)
        return source.choice((mutated, mutated_inside))(seed, source), profile

    def inner(self, source: Random) -> Sent:
        """A mutated envelope, properly signed: what only a holder of any key can send."""
        change = source.choice((mutated, mutated_inside))
        return sign(change(self.envelope, source)), "device"

    def request_inside(self, source: Random) -> Sent:
        """A mutated request, properly sealed and signed."""
        return sign(envelope(self.world, mutated(self.request, source))), "device"

    def resigned(self, source: Random) -> Sent:
        """Mutated names and attributes in a request that its key has signed: policy and issuing see these."""
        name, held = self.name, source.choice(self.held)
        if source.randrange(3):
            held = mutated_inside(held, source)
        else:
            name = mutated_inside(name, source)
        info = writer.sequence(writer.integer(0), name, public_key_info(key(0)), held)
        return sign(envelope(self.world, signed_request(info, key(0)))), "static"

    def attributes(self, source: Random) -> Sent:
        """Mutated attributes under a signature that holds."""
        oid = source.choice(list(USUAL))
        value = USUAL[oid] or b""
        tag = source.choice((value[0], value[0], *TAGS))
        changed = {oid: writer.tlv(tag, mutated(value[2:], source))}
        extra = {f"1.2.{source.randrange(40)}.{source.randrange(999)}": writer.null()}
        return sign(self.envelope, {**changed, **extra}), "device"

    def layer(self, name: str) -> Callable[[Random], Sent]:
        """The method of that name."""
        made: Callable[[Random], Sent] = getattr(self, name)
        return made


LAYERS = ("outer", "inner", "request_inside", "resigned", "attributes")
