"""Stores that count, stop or wait: the same in-memory store, seen by a worker in trouble."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shared.ca.authority import CertificateAuthority, Order
from shared.ca.issuer import Issuer
from shared.ca.signing import LintingECKey
from shared.keys.ports import SigningKey, public_key_info
from shared.store.memory import MemoryStore
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.ca.drafts import keys
from tests.scep.authority import DAY, NOW, URL, tiers

CALLS = ("claim", "find_claim", "link", "commit", "find", "note_change", "changes", "set_revocation")


class Crash(BaseException):
    """The worker's process ends here."""


class WatchedStore:
    """`store`, with every call counted in `calls`; `before` and `after` run around the calls they name."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.calls: Counter[str] = Counter()
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in CALLS:
            return getattr(self.store, name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            self.before.get(name, lambda: None)()
            result = getattr(self.store, name)(*arguments, **named)
            self.after.get(name, lambda: None)()
            return result

        return call


class CountingKey(ec.EllipticCurvePrivateKey):
    """An EC key that counts its signatures; made for the issuing CA of `tiers("p-256")`."""

    def __init__(self, key: SigningKey) -> None:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self.key = key
        self.signatures = 0
        self._lock = threading.Lock()

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        with self._lock:
            self.signatures += 1
        return self.key.sign(data, signature_algorithm)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self.key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.key.curve

    @property
    def key_size(self) -> int:
        return self.key.key_size

    exchange = private_bytes = private_numbers = __copy__ = __deepcopy__ = LintingECKey._refuse


class Worker:
    """One worker process over a shared store: its own store client and its own key client."""

    def __init__(self, store: MemoryStore) -> None:
        root, issuing, key, _ = tiers("p-256")
        self.key = CountingKey(key)
        self.store = WatchedStore(store)
        self.issuer = Issuer(issuing, (root,), self.key, URL)
        self.authority = CertificateAuthority(self.issuer, self.store)

    def cost(self) -> dict[str, int]:
        """Storage calls and CA signatures so far."""
        return {**self.store.calls, "sign": self.key.signatures}


def template(number: int = 0, subject: Name | None = None) -> CertificateTemplate:
    """A certificate for device key `number`."""
    spki = public_key_info(keys(f"device {number}"))
    extensions = (basic_constraints(False), key_usage(["digitalSignature"]), subject_key_identifier(spki))
    name = subject or Name.build([("CN", "dev1")])
    return CertificateTemplate(name, spki, NOW - DAY, NOW + 364 * DAY, extensions)


def order(identity: str = "challenge-1", *, device: str = "dev1", user: str = "") -> Order:
    """An order as a sealed challenge gives it."""
    return Order(identity, "device", "sealed:tests", device=device, user=user, challenge_minted_at=NOW)


def in_threads(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returns or raises, all started at once."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 - it is the result
            results[index] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
