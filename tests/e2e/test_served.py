"""Everything the host puts into the world is judged by pkilint; here is some of every kind, and a proof that it judges.

Whatever else the other tests of this folder make is judged when their host ends (conftest.py).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from shared.asn1 import oids, writer
from shared.revocation.service import REASONS
from shared.x509.ocsp import CertID, OCSPRequest
from tests.e2e.host import Host
from tests.e2e.lint import Served
from tests.e2e.messages import enrolment
from tests.scep.authority import key

pytestmark = pytest.mark.host


@pytest.mark.parametrize("hosted", ["host", "rsa_host"])
def test_pkilint_finds_nothing_in_anything_of_any_kind(request: pytest.FixtureRequest, hosted: str) -> None:
    host: Host = request.getfixturevalue(hosted)
    for reason in REASONS:
        host.revoke(_device(host), reason, publish=False)
    host.manage("POST", "crl")
    _user(host)
    served = Served()
    served.add_records(host.site.storage, host.site.issuer)
    on_record = len(served.certificates)
    for path in (f"ca/{host.site.issuer}.cer", f"crl/{host.site.issuer}.crl", f"crl/{host.site.root}.crl"):
        served.note(host.http.get(f"/{path}"))
    served.note(host.http.get("/scep/device", params={"operation": "GetCACert"}))
    assert on_record > len(REASONS)
    assert len(served.certificates) == on_record + 3  # the issuing CA, the root and the RA
    assert len(served.crls) == 2
    for serial in (*(record["serial"] for record in host.records()), "26aa"):
        served.note(host.http.post("/ocsp", content=_question(host, serial)))
    served.note(host.http.post("/ocsp", content=b"junk"))
    assert len(served.ocsp) > len(REASONS) + 2
    assert served.findings() == []


def _device(host: Host) -> str:
    """The serial of a certificate with every kind of name that its profile knows."""
    name = f"kind-{secrets.token_hex(4)}"
    sans = [x509.DNSName(f"{name}.example.org"), x509.RFC822Name(f"{name}@example.org")]
    texts = [f"dns:{name}.example.org", f"email:{name}@example.org"]
    subject = f"CN={name},O=Probe,C=CZ"
    reply = enrolment(host, subject, host.challenge(subject, sans=texts), sans=sans).post(host)
    return reply.certificates[0].serial_hex


def _user(host: Host) -> None:
    subject, name = f"CN=kind-{secrets.token_hex(4)}", "kind@example.org"
    challenge = host.challenge(subject, profile="user", user=name, sans=[f"upn:{name}"])
    upn = x509.OtherName(x509.ObjectIdentifier(oids.MS_USER_PRINCIPAL_NAME), writer.utf8_string(name))
    assert enrolment(host, subject, challenge, sans=[upn]).post(host, "user").certificates


def _question(host: Host, serial: str) -> bytes:
    issuing = host.site.ca.certificate("issuing")
    return OCSPRequest((CertID.of(issuing, int(serial, 16), "sha256"),)).encoded


def test_pkilint_does_judge() -> None:
    now, served = datetime.now(UTC), Served()
    poor = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    poor = poor.public_key(key(0).public_key()).serial_number(1)
    poor = poor.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    served.certificates["poor"] = poor.sign(key(0), hashes.SHA256()).public_bytes(Encoding.DER)
    assert served.findings() != []
