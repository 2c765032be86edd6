"""What an enrolment costs in process, beside this machine's own `openssl speed`: `make bench`.

Messages are prepared beforehand; store and challenges are in memory; one thread. Figures are reported, never asserted:
machines differ, so read the ratio.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console
from rich.progress import track
from rich.table import Table

from shared.ca import hierarchy
from shared.ca.authority import CertificateAuthority
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.policy.profiles import Profiles
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.client import Requester, build_csr, build_request
from shared.scep.mint import ChallengeMint
from shared.scep.renewal import Renewals
from shared.scep.service import SCEPService
from shared.store.memory import MemoryStore
from shared.x509.certificate import Certificate
from shared.x509.names import Name

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)
SECRET = "a-secret-for-the-benchmark"
POLICY = """
version = 1
[profiles.device]
title = "Devices"
holder = "device"
challenge = "sealed"
subject.CN = { pattern = "[a-z0-9-]+", required = true }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
[[callers]]
name = "bench"
profiles = ["device"]
rate = "999999/second"
"""


class Bench:
    """One CA in memory with `algorithm` keys; its RA has RSA-2048."""

    def __init__(self, algorithm: str) -> None:
        root_key, key = software.generate(algorithm), software.generate(algorithm)
        start = NOW - YEAR
        root = hierarchy.self_signed_root(
            root_key, Name.build([("CN", "Root")]), not_before=start, life=9 * YEAR
        )
        spki, name = public_key_info(key), Name.build([("CN", "Issuing")])
        certificate = hierarchy.subordinate(
            root,
            root_key,
            spki=spki,
            subject=name,
            not_before=start,
            life=5 * YEAR,
            base_url="http://pki.test",
        )
        issuer = Issuer(certificate, (root,), key, "http://pki.test")
        ra_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        template = hierarchy.ra_template(public_key_info(ra_key), name, not_before=start, life=2 * YEAR)
        self.ra = issuer.sign(issuer.compose(template, "01" * 19))
        store, sealed = MemoryStore(), SealedChallenges([Fernet.generate_key()])
        self.profiles = Profiles.parse(POLICY)
        self.mint = ChallengeMint(self.profiles, {"bench": SECRET}, sealed)
        self.service = SCEPService(
            authority=CertificateAuthority(issuer, store),
            ra=RegistrationAuthority(lambda: [RAIdentity(self.ra, ra_key, start)]),
            validators={"sealed": sealed},
            renewals=Renewals(issuer, store),
            supersessions=store,
            backdate=timedelta(hours=24),
        )

    def message(self, key: rsa.RSAPrivateKey, number: int) -> bytes:
        """A PKCSReq of device `number` with its own challenge."""
        subject = f"CN=device-{number}"
        order = {"profile": "device", "subject": subject, "device": f"device-{number}"}
        challenge = self.mint.mint(SECRET, json.dumps(order).encode(), now=NOW).challenge
        csr = build_csr(key, x509.Name.from_rfc4514_string(subject), challenge=challenge)
        return build_request(csr, Requester(self_signed(key, subject), key), self.ra)[0]

    def run(self, messages: list[bytes]) -> float:
        """CPU seconds per enrolment."""
        profile = self.profiles.profiles["device"]
        start = time.process_time()
        for message in messages:
            self.service.pki_operation(message, profile, now=NOW)
        return (time.process_time() - start) / len(messages)


def self_signed(key: rsa.RSAPrivateKey, subject: str) -> Certificate:
    name = x509.Name.from_rfc4514_string(subject)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - YEAR).not_valid_after(NOW + YEAR)
    return Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def private_operation(algorithm: str) -> float | None:
    """Seconds of one private-key operation by `openssl speed`, or None without openssl."""
    if shutil.which("openssl") is None:
        return None
    name = {"rsa-2048": "rsa2048", "rsa-3072": "rsa3072", "p-256": "ecdsap256"}[algorithm]
    command = ["openssl", "speed", "-seconds", "1", name]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # The last line ends with signatures and verifications per second; its times are rounded too coarsely.
    per_second = re.search(r"(\d+\.\d+)\s+\d+\.\d+\s*$", output)
    return 1 / float(per_second[1]) if per_second else None


def own_operation(algorithm: str) -> float:
    """Seconds of one signature by the library that Scepter signs with."""
    from shared.keys.signatures import sign

    key = software.generate(algorithm)
    sign(key, b"warm")
    start = time.process_time()
    for _ in range(200):
        sign(key, b"data")
    return (time.process_time() - start) / 200


def main(
    count: Annotated[int, typer.Option(min=10, help="Enrolments per CA key.")] = 300,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report microseconds per enrolment and the ratio to its private-key operations."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    rsa_operation, rows = own_operation("rsa-2048"), []
    for algorithm in ("rsa-2048", "rsa-3072", "p-256"):
        bench = Bench(algorithm)
        numbers = track(
            range(count),
            description=f"messages for a {algorithm} CA",
            transient=True,
            console=Console(stderr=True),
        )
        cost = bench.run([bench.message(key, number) for number in numbers])
        # The RA decrypts the request and signs the reply; the CA signs the certificate.
        keys = 2 * rsa_operation + own_operation(algorithm)
        speed = private_operation(algorithm)
        rows.append(
            {
                "CA key": algorithm,
                "us per enrolment": round(cost * 1e6),
                "per second and core": round(1 / cost),
                "us of private-key operations": round(keys * 1e6),
                "ratio": round(cost / keys, 2),
                "us by openssl speed": round(speed * 1e6) if speed else "no openssl",
            }
        )
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(*rows[0], title=f"{count} enrolments in process, one thread, CPU time")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
