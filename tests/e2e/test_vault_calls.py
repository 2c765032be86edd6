"""The whole app over a CA in a vault: how often the vault is asked, and that what comes out of it holds."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest

from local.azurite import Azurite
from shared.asn1.pem import pem
from shared.ca.issuer import issuer_id
from shared.errors import IssuanceFault, KeyUnavailable
from shared.keys.vault_transport import VaultTransport
from shared.scep.client import Reply, build_request, read_reply
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from tests.e2e.counted import CountedApplication
from tests.e2e.site import POLICY
from tests.programs import OpenSSL
from tests.scep.authority import csr, self_signed
from tests.vault.ceremony import install_ca, install_under
from tests.vault.credential import AUDIENCE, FakeCredential
from tests.vault.server import FakeVault
from tests.vault.trouble import Replaces, Says

pytestmark = pytest.mark.azurite

CALLER_SECRET = "the-secret-of-the-caller-demo"
BASE_URL = "http://pki.example.org"


class VaultApplication(CountedApplication):
    """As a worker composes it, but that it trusts the fake and has a token that the fake takes."""

    def __init__(self, vault: FakeVault, azurite: Azurite, prefix: str, **more: str) -> None:
        environment = {
            "AzureWebJobsStorage": azurite.connection_string,
            "SCEPTER_PUBLIC_URL": BASE_URL,
            "SCEPTER_PROFILES_FILE": str(POLICY),
            "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
            "SCEPTER_CALLER_SECRETS__DEMO": CALLER_SECRET,
            "SCEPTER_STATIC_CHALLENGES__SHARED": "the-shared-secret-of-the-tests",
            "SCEPTER_TABLE_PREFIX": prefix,
            "SCEPTER_VAULT_URL": vault.url,
            "SCEPTER_VAULT_AUDIENCE": AUDIENCE,
            **more,
        }
        super().__init__(environment)
        self._trust = str(vault.trust)

    @cached_property
    def credential(self) -> Any:
        return FakeCredential()

    @cached_property
    def vault_transport(self) -> VaultTransport:
        return VaultTransport(trust=self._trust)

    def close(self) -> None:
        super().close()
        self.vault_transport.close()


@pytest.fixture(params=["rsa-2048", "p-256", "p-384"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(vault: FakeVault, azurite: Azurite, unique_name: str, algorithm: str) -> Iterator[VaultApplication]:
    """A worker that has served before."""
    install_ca(vault, BASE_URL, algorithm)
    application = VaultApplication(vault, azurite, unique_name)
    _ = application.scep, application.revocations, application.issuer
    yield application
    application.close()


@dataclass(frozen=True)
class Attempt:
    """A PKIOperation of device `device`, which may be sent more than once."""

    app: VaultApplication
    message: bytes
    transaction: str
    nonce: bytes

    @classmethod
    def make(cls, app: VaultApplication, *, device: str = "", challenge: str = "") -> Attempt:
        order = {"profile": "device", "subject": "CN=dev", "device": device or secrets.token_hex(8)}
        minted = app.mint.mint(CALLER_SECRET, json.dumps(order).encode(), now=app.clock()).challenge
        request = csr("CN=dev", challenge=challenge or minted)
        return cls(app, *build_request(request, self_signed(), app.ra.current(app.clock()).certificate))

    def send(self) -> Reply:
        app, now = self.app, self.app.clock()
        answer = app.scep.pki_operation(self.message, app.profiles.profiles["device"], now=now)
        ra = app.ra.current(now).certificate
        return read_reply(answer, self_signed(), ra, transaction_id=self.transaction, nonce=self.nonce)


def enrol(app: VaultApplication) -> Certificate:
    reply = Attempt.make(app).send()
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    return reply.certificates[0]


def test_an_enrolment_is_one_signature_of_the_vault_and_nothing_else(
    vault: FakeVault, app: VaultApplication, openssl: OpenSSL
) -> None:
    """What a worker reads at its start, it reads once: the key, the certificates, the RA."""
    assert vault.calls == {"secrets/list": 1, "secrets/get": 2, "keys/get": 1}
    vault.calls.clear()
    issued = [enrol(app) for _ in range(3)]
    assert vault.calls == {"keys/sign": 3}
    app.publish()
    assert vault.calls["keys/sign"] == 4
    crl = app.publications.read(f"crl/{app.issuer.id}.crl")
    (root_crl,) = app.authorities.roster.root_crls.values()
    assert crl is not None
    for name, certificates in {
        "root": app.issuer.chain,
        "issuing": [app.issuer.certificate],
        "dev": issued,
    }.items():
        (openssl.folder / f"{name}.pem").write_bytes(
            b"".join(pem("CERTIFICATE", it.der) for it in certificates)
        )
    (openssl.folder / "crls.pem").write_bytes(pem("X509 CRL", crl.data) + pem("X509 CRL", root_crl))
    checks = ("-crl_check_all", "-CRLfile", "crls.pem", "-CAfile", "root.pem", "-untrusted", "issuing.pem")
    assert b"dev.pem: OK" in openssl.run("verify", *checks, "dev.pem")


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_the_roots_crl_is_published_with_the_certificates(
    vault: FakeVault, azurite: Azurite, unique_name: str, algorithm: str
) -> None:
    _, office = install_under(vault, BASE_URL, algorithm)
    app = VaultApplication(vault, azurite, unique_name)
    app.publish()
    root = issuer_id(app.issuer.chain[-1].spki)
    published = app.publications.read(f"crl/{root}.crl")
    assert published is not None
    assert [published.data] == list(app.authorities.roster.root_crls.values())
    # The root signs the next one elsewhere; workers that run on publish that, and not what they began with.
    following = office.crl(app.clock() + timedelta(minutes=1))
    app.vault_ca.keep_holdings(app.vault_ca.holdings().with_crl(following))
    app.publish()
    published = app.publications.read(f"crl/{root}.crl")
    assert published is not None
    assert published.data == following
    app.close()


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_what_needs_no_ca_signature_asks_the_vault_nothing(vault: FakeVault, app: VaultApplication) -> None:
    vault.calls.clear()
    assert app.authorities.successor("device", app.clock()) is None
    assert app.ra.identities(app.clock())
    assert Attempt.make(app, challenge="wrong").send().status is PKIStatus.FAILURE
    assert not vault.calls


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_a_throttled_enrolment_is_finished_by_its_repeat(vault: FakeVault, app: VaultApplication) -> None:
    """503 to the client; the claim stays, and its repeat gets that very serial."""
    vault.calls.clear()
    vault.script("keys/sign", Says(429, "Throttled", retry_after="30"))
    attempt = Attempt.make(app, device="throttled")
    with pytest.raises(KeyUnavailable) as busy:
        attempt.send()
    assert busy.value.retry_after >= 26
    (claim,) = app.records.owned_by("device:throttled")
    app.vaults.at(vault.url).throttle._resumes_at = 0  # the half minute is over
    assert attempt.send().certificates[0].serial_hex == claim.serial
    assert vault.calls == {"keys/sign": 2}


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_a_signature_that_does_not_hold_leaves_nothing_on_record(
    vault: FakeVault, app: VaultApplication
) -> None:
    vault.script("keys/sign", Replaces({"value": "A" * 86}))
    with pytest.raises(IssuanceFault, match="does not hold"):
        enrol(app)
    assert list(app.records.records(app.issuer.id)) == []


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_an_ra_is_renewed_by_one_signature_and_one_secret(
    vault: FakeVault, app: VaultApplication, azurite: Azurite, unique_name: str
) -> None:
    app.renew_ra()
    assert vault.calls["secrets/set"] == 0
    vault.calls.clear()
    identity = app.ra_home.add_ra_identity(app.issuer, now=app.clock(), backdate=app.settings.backdate)
    assert vault.calls == {"secrets/set": 1, "keys/sign": 1}
    other = VaultApplication(vault, azurite, unique_name)
    assert identity.certificate.der in [each.certificate.der for each in other.ra.identities(other.clock())]
    assert len(other.ra.identities(other.clock())) == 2
    other.close()


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_a_worker_does_not_renew_the_ra_that_another_has_renewed(
    vault: FakeVault, app: VaultApplication, azurite: Azurite, unique_name: str
) -> None:
    other = VaultApplication(vault, azurite, unique_name)
    later = app.clock() + timedelta(days=200)
    for worker in (app, other):
        assert len(worker.ra.identities(later)) == 1
        worker.clock = lambda: later
    for worker in (app, other, app):
        worker.renew_ra()
    assert vault.calls["secrets/set"] == 1
    assert len(other.ra.identities(later)) == 2
    other.close()


@pytest.mark.parametrize("algorithm", ["p-256"])
def test_a_key_that_is_rotated_in_the_vault_changes_nothing(
    vault: FakeVault, app: VaultApplication, azurite: Azurite, unique_name: str
) -> None:
    app.vaults.at(vault.url).keys.rotate_key("issuing-ca")
    fresh = VaultApplication(vault, azurite, unique_name)
    assert fresh.issuer.id == app.issuer.id
    assert enrol(fresh).issuer == app.issuer.certificate.subject
    fresh.close()


def test_azure_issues_from_the_vault(vault: FakeVault, azurite: Azurite, unique_name: str) -> None:
    install_ca(vault, BASE_URL, "p-256")
    app = VaultApplication(vault, azurite, unique_name, WEBSITE_SITE_NAME="scepter")
    assert app.in_azure
    app.storage.create_missing()
    assert enrol(app).issuer == app.issuer.certificate.subject
    app.close()


def test_without_its_ceremony_the_vault_is_told_what_is_missing(
    vault: FakeVault, azurite: Azurite, unique_name: str
) -> None:
    app = VaultApplication(vault, azurite, unique_name)
    with pytest.raises(
        KeyUnavailable, match="no CA certificate is installed: there is no secret issuing-ca-chain"
    ):
        _ = app.issuer
    app.close()
