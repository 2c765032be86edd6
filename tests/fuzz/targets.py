"""What is fed: the readers of messages, of envelopes and of requests, and the endpoint with everything behind it.

A target makes one message and tells what became of it. What is the asker's fault is a fate like any other; anything
else that comes out, or a wrong answer, is a Finding with the bytes that made it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from random import Random
from urllib.parse import quote

import azure.functions as func

from functions import scep
from shared import wiring
from shared.asn1 import writer
from shared.asn1.reader import read_der
from shared.cms.enveloped import EnvelopedMessage
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from shared.errors import RequestError
from shared.keys.ports import public_key_info
from shared.policy.profiles import Profiles
from shared.scep.message import PKIMessage
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord, Claim
from shared.x509.names import Name
from shared.x509.request import CertificateRequest
from tests.cms import vectors
from tests.cms.mutation import mutate, rearrange
from tests.functions.application import MemoryApplication, call, request
from tests.fuzz.messages import LAYERS, Messages
from tests.fuzz.mutation import mutated, mutated_inside
from tests.scep.authority import CALLER_SECRET, NOW, World
from tests.scep.crafting import Answer
from tests.x509.csr_oddities import ODDITIES
from tests.x509.material import key, signed_request

Fate = str
Feed = Callable[[Random], Fate]

POLICY = """
version = 1
[profiles.any]
title = "Whatever has a name"
holder = "device"
challenge = "sealed"
key = ["RSA-2048", "P-256"]
subject.CN = { pattern = ".*", max = 20 }
subject.C = { pattern = ".*", max = 20 }
subject.serialNumber = { pattern = ".*", max = 20 }
san.dns = { pattern = ".*", max = 20 }
san.upn = { pattern = ".*", max = 20 }
san.uri = { pattern = ".*", max = 20 }
san.ip = { pattern = ".*", max = 20 }
key_usage = { allowed = ["digitalSignature", "keyEncipherment", "keyAgreement"] }
extended_key_usage = { allowed = ["clientAuth", "serverAuth"] }
validity = 365
"""
_LAZY = (
    "sans",
    "key_usage",
    "extended_key_usage",
    "basic_constraints",
    "subject_key_identifier",
    "public_key",
)
_POSSIBLE = {200, 400, 403, 404, 411, 413, 414}


class Finding(Exception):
    """What must not happen, and the message that did it."""

    def __init__(self, what: str, data: bytes) -> None:
        super().__init__(what, data)
        self.what, self.data = what, data

    def __str__(self) -> str:
        return f"{self.what} for {self.data.hex()}"


def _fed(read: Callable[[bytes], Fate], data: bytes) -> Fate:
    try:
        return read(data)
    except RequestError as error:
        return type(error).__name__
    except Finding:
        raise
    except Exception as error:
        raise Finding(repr(error), data) from error


def parse() -> Feed:
    """Signed messages of real clients, damaged: read, and whatever is read of them later."""
    seeds = [vectors.message(name) for name in vectors.NAMES]
    originals = {name: SignedMessage.parse(seed) for name, seed in enumerate(seeds)}

    def feed(source: Random) -> Fate:
        number = source.randrange(len(seeds))
        change = source.choice((mutate, rearrange, rearrange, mutated))

        def read(data: bytes) -> Fate:
            with suppress(RequestError):
                parse_degenerate(data)
            message = PKIMessage.parse(data)
            for name in _LAZY:
                with suppress(RequestError):
                    getattr(message.signer, name)
            message.verify(allow_legacy=True)
            same = (message.signed.content, message.signed.attributes)
            if same != (originals[number].content, originals[number].attributes):
                raise Finding("a signature holds over what was not signed", data)
            return "verified"

        return _fed(read, change(seeds[number], source))

    return feed


def open_() -> Feed:
    """Envelopes of real clients, damaged: opened with the right key, and the request inside read."""
    seeds = [SignedMessage.parse(vectors.message(name)).content or b"" for name in vectors.NAMES]
    recipient = vectors.recipient()

    def read(data: bytes) -> Fate:
        plain, _ = EnvelopedMessage.parse(data).open([recipient], allow_legacy=True)
        CertificateRequest.from_der(plain, allow_legacy=True)
        return "opened"

    def feed(source: Random) -> Fate:
        change = source.choice((mutate, rearrange, rearrange, mutated))
        return _fed(read, change(source.choice(seeds), source))

    return feed


def csr() -> Feed:
    """Requests of odd clients, damaged and signed again, or not: read, judged by a policy, linted and certified."""
    seeds = [oddity.make() for oddity in ODDITIES.values()]
    signer, profile, issuer = key("p-256"), Profiles.parse(POLICY).profiles["any"], World().issuer

    def read(data: bytes) -> Fate:
        found = CertificateRequest.from_der(data)
        if not found.subject.same_as(Name.from_der(found.subject.encoded)) or data != found.der:
            raise Finding("a request that does not read back", data)
        issuer.sign(issuer.compose(profile.authorize(found, now=NOW), "27" * 19))
        return "certified"

    def feed(source: Random) -> Fate:
        seed = source.choice(seeds)
        if source.randrange(4) == 0:
            return _fed(read, mutated(seed, source))
        version, name, _, *attributes = (part.encoded for part in read_der(seed).children()[0].children())
        change = source.choice((mutated, mutated_inside, mutated_inside))
        if attributes and source.randrange(3):
            attributes = [change(attributes[0], source)]
        else:
            name = change(name, source)
        info = writer.sequence(version, name, public_key_info(signer), *attributes)
        return _fed(read, signed_request(info, signer))

    return feed


class Forgetful(MemoryStore):
    """Takes claims and records as storage does, and keeps none: what grows is then the product's own."""

    def claim(self, claim: Claim) -> None:
        super().claim(claim)
        self._owners.clear()

    def commit(self, record: CertificateRecord) -> None:
        super().commit(record)
        self._certificates.clear()


def endpoint() -> Feed:
    """Messages with any layer damaged, by POST and GET through the trigger, and damaged queries."""
    app = MemoryApplication(SCEPTER_TRACE_DAYS="0")
    app.store = Forgetful()
    order = {"profile": "device", "subject": "CN=dev1,O=Example", "device": "dev1"}
    minted = app.mint.mint(CALLER_SECRET, json.dumps(order).encode(), now=app.now).challenge
    messages = Messages(app.world, minted)

    def feed(source: Random) -> Fate:
        data, profile = messages.layer(source.choice(LAYERS))(source)
        sent = source.choice((_post, _post, _get))(data, profile, source)

        def read(data: bytes) -> Fate:
            wiring.use(app)
            response = call(scep.scep, sent)
            if response.status_code not in _POSSIBLE:
                raise Finding(f"HTTP {response.status_code} to {sent.method} {sent.url[:200]}", data)
            if response.mimetype != "application/x-pki-message":
                return f"HTTP {response.status_code}"
            answer = Answer.read(response.get_body(), app.world.ra.certificate)
            return answer.fail_info.name if answer.fail_info else answer.status.name

        return _fed(read, data)

    return feed


def _post(data: bytes, profile: str, source: Random) -> func.HttpRequest:
    path = f"/scep/{profile}?operation=PKIOperation"
    return request("POST", path, body=data, route={"profile": profile})


def _get(data: bytes, profile: str, source: Random) -> func.HttpRequest:
    """By GET, where the base64 and the query around it may be damaged too."""
    text = base64.b64encode(data).decode()
    query = f"operation=PKIOperation&message={quote(text) if source.randrange(2) else text}".encode()
    if source.randrange(3) == 0:
        query = mutated(query, source)
    path = f"/scep/{profile}?{query.decode('latin-1')}"
    return request("GET", path, route={"profile": profile})


TARGETS: Mapping[str, tuple[Callable[[], Feed], int]] = {
    "parse": (parse, 8),
    "open": (open_, 3),
    "csr": (csr, 6),
    "endpoint": (endpoint, 3),
}
"""How to make each target, and its share of twenty messages."""


@lru_cache
def target(name: str) -> Feed:
    """The target, made once for a process."""
    return TARGETS[name][0]()
