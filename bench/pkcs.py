"""What an order for a key costs in process, beside the making of the key alone: `python -m bench.pkcs`.

Records, deliveries and orders are in memory; one thread; CPU time. Orders and bare keys take turns, so that whatever
else the machine does meets both alike. How long an RSA key takes is luck: means over many, and what an order adds is
measured with keys that were made beforehand. `calls` is how often an order goes to storage.
"""

from __future__ import annotations

import itertools
import resource
import secrets
import shutil
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import typer
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.fleet import now
from bench.machine import description
from bench.report import Report, progress, show
from bench.world import DAY, YEAR, World
from shared.ca.authority import CertificateAuthority, Order
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.pfx.attempts import Attempts
from shared.pfx.callbacks import Callbacks
from shared.pfx.deliveries import Deliveries
from shared.pfx.delivery_keys import DeliveryKeys
from shared.pfx.issue import PKCSIssuance
from shared.pfx.order import PKCSOrder
from shared.pfx.recipients import Recipients
from shared.pfx.results import Results
from shared.policy.profiles import Profiles
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.service import RevocationService
from shared.store.memory import MemoryQueue
from shared.store.memory_deliveries import MemoryDeliveryLog, MemoryDeliveryStore, MemoryOrderLog
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name

KINDS = {"RSA-2048": 1.0, "RSA-3072": 0.3, "RSA-4096": 0.12, "P-256": 1.0, "P-384": 1.0}
"""And how many of each, as a share."""
POLICY = """
version = 1
[profiles.mail]
title = "Mail"
holder = "user"
challenge = "pkcs"
key = ["KIND"]
subject.CN = {}
san.email = {}
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["emailProtection"] }
validity = 365
[profiles.mail.pkcs]
subject = "CN={{UserName}}"
san = ["email:{{EmailAddress}}"]
[[callers]]
name = "bench"
profiles = ["mail"]
"""


class Counted:
    """Stands for a store, and counts its calls."""

    def __init__(self, inner: Any, calls: Counter[str]) -> None:  # noqa: ANN401 - any store
        self._inner, self._calls = inner, calls

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        method = getattr(self._inner, name)

        def call(*arguments: object, **named: object) -> object:
            self._calls[name] += 1
            return method(*arguments, **named)

        return call


@dataclass
class Factory:
    """A CA in memory that makes keys of a `kind`, and one device that all are sealed to."""

    kind: str
    calls: Counter[str] = field(default_factory=Counter)
    numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        world = World("p-256", 1)
        self.profiles = Profiles.parse(POLICY.replace("KIND", self.kind))
        records = Counted(world.store, self.calls)
        crl_requests = CRLRequests(MemoryQueue(), now)
        deliveries = Deliveries(
            store=Counted(MemoryDeliveryStore(), self.calls),
            acts=MemoryDeliveryLog(),
            keys=DeliveryKeys([Fernet.generate_key()]),
            records=records,
            revoker=RevocationService(world.store, crl_requests, now),
            life=7 * DAY,
            clock=now,
        )
        authority = CertificateAuthority(world.issuer, records)
        self._enrol(authority)
        self.pkcs = PKCSIssuance(
            attempts=Attempts(authority, records, deliveries, DAY, now),
            recipients=Recipients(records, world.issuer),
            profiles=self.profiles,
            orders=Counted(MemoryOrderLog(), self.calls),
            results=Results((), lambda _: MemoryQueue(), MemoryQueue(), Callbacks((), {}, lambda *_: "")),
            clock=now,
        )
        self.calls.clear()

    def serve(self, key: SigningKey | None = None) -> None:
        """One order, with a fresh key or with `key`."""
        pkcs, number = self.pkcs, next(self.numbers)
        if key is not None:
            pkcs = replace(pkcs, attempts=replace(pkcs.attempts, make_key=lambda _: key))
        user = {
            "userPrincipalName": f"u{number}@example.org",
            "userName": "U",
            "emailAddress": "u@example.org",
        }
        order = {"id": secrets.token_hex(8), "profile": "mail", "user": user, "device": {"id": "dev"}}
        pkcs.serve(PKCSOrder.model_validate(order), self.profiles.callers[0])

    def _enrol(self, authority: CertificateAuthority) -> None:
        spki = public_key_info(rsa.generate_private_key(65537, 2048))
        usages = key_usage(["digitalSignature", "keyEncipherment"])
        extensions = (basic_constraints(False), usages, subject_key_identifier(spki))
        template = CertificateTemplate(
            Name.build([("CN", "dev")]), spki, now() - DAY, now() + YEAR, extensions
        )
        authority.issue(template, Order("enrolment", "device", "sealed:bench", device="dev"), now=now())


def milliseconds(call: Callable[[], object]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    call()
    return 1000 * (time.process_time() - start)


def openssl_genpkey(kind: str, count: int) -> float | None:
    """CPU milliseconds of `openssl genpkey`, its start included; None without openssl."""
    if shutil.which("openssl") is None:
        return None
    family, size = kind.split("-")
    options = ["RSA", "-pkeyopt", f"rsa_keygen_bits:{size}"]
    if family == "P":
        options = ["EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(count):
        command = ["openssl", "genpkey", "-algorithm", *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count


def row(kind: str, count: int) -> dict[str, object]:
    """A line of the report."""
    factory, algorithm = Factory(kind), kind.lower()
    orders, keys, rest = list[float](), list[float](), list[float]()
    spare = software.generate(algorithm)
    factory.serve(spare)
    factory.calls.clear()
    for _ in progress(range(count), kind):
        orders.append(milliseconds(factory.serve))
        keys.append(milliseconds(lambda: software.generate(algorithm)))
        rest.append(milliseconds(lambda: factory.serve(spare)))
    order, key, genpkey = statistics.mean(orders), statistics.mean(keys), openssl_genpkey(kind, count)
    return {
        "key": kind,
        "orders": count,
        "ms an order": round(order, 1),
        "orders per second and core": round(1000 / order, 1),
        "ms of making the key": round(key, 1),
        "ms of openssl genpkey": round(genpkey, 1) if genpkey is not None else "no openssl",
        "ms of everything else": round(statistics.median(rest), 1),
        "calls": round(sum(factory.calls.values()) / (2 * count), 1),
    }


def main(
    count: Annotated[
        int, typer.Option(min=10, max=10_000, help="Orders for the quickest kinds of key.")
    ] = 200,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report; nothing is judged: the key decides, and how long it takes is luck."""
    rows = [row(kind, max(5, round(count * share))) for kind, share in KINDS.items()]
    report = Report("Orders for keys", "in process, one thread, CPU time", list(rows))
    show(description(), [report], as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
