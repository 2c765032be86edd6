"""A device enrols at a host whose CA is in a vault: one signature each, nothing decrypted, the CRL published."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from local.azurite import Azurite
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl, verify_crl
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.vault_site import VaultSite
from tests.vault.server import FakeVault
from tests.vault.trouble import Says

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, FakeVault]]:
    folder = tmp_path_factory.mktemp("vault-site")
    with FakeVault(folder) as vault, Azurite.start(in_memory=True) as azurite:
        site = VaultSite.make(folder / "site", azurite.connection_string, vault)
        with site.hosts(1, SCEPTER_VAULT_PATIENCE="2") as (host,):
            yield host, vault
            host.served.add_records(site.site.storage, site.issuing)
            assert host.served.findings() == []


def test_devices_enrol_with_one_signature_each(served: tuple[Host, FakeVault]) -> None:
    """A timer that publishes meanwhile, or a vault that is asked again, can only add: one quiet round is enough."""
    host, vault = served
    rounds = []
    for start in (0, 3, 6):
        vault.calls.clear()
        for name in (f"dev{start + number}" for number in range(3)):
            reply = enrolment(host, f"CN={name}", host.challenge(f"CN={name}", device=name)).post(host)
            assert reply.status is PKIStatus.SUCCESS, reply.fail_text
        rounds.append(dict(vault.calls))
        if rounds[-1] == {"keys/sign": 3}:
            return
    pytest.fail(f"calls of three enrolments: {rounds}")


def test_a_revocation_is_in_a_crl_that_the_vault_signed(served: tuple[Host, FakeVault]) -> None:
    host, vault = served
    message = enrolment(host, "CN=gone", host.challenge("CN=gone", device="gone"))
    certificate = message.post(host).certificates[0]
    before = vault.calls["keys/sign"]
    host.revoke(certificate.serial_hex)
    der = host.http.get(f"/crl/{host.site.issuer}.crl").content
    ca = host.http.get(f"/ca/{host.site.issuer}.cer").content
    verify_crl(der, Certificate.from_der(ca).public_key)
    assert parse_crl(der).find(certificate.serial_hex) is not None
    assert vault.calls["keys/sign"] > before
    assert vault.calls["keys/decrypt"] == 0


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Says(403, "Forbidden", "ForbiddenByRbac"), "Key Vault Crypto User"),
        (Says(500, "InternalError"), "the vault says 500 InternalError"),
    ],
    ids=["403", "500"],
)
def test_a_vault_that_does_not_sign_is_a_503_to_strangers_and_a_reason_in_the_log(
    served: tuple[Host, FakeVault], trouble: Says, words: str
) -> None:
    host, vault = served
    name = f"unlucky-{trouble.status}"
    message = enrolment(host, f"CN={name}", host.challenge(f"CN={name}", device=name))
    vault.script("keys/sign", trouble, times=20)
    answer: httpx.Response = host.http.post("/scep/device?operation=PKIOperation", content=message.der)
    vault.forget_scripts()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "vault" not in answer.text.lower()
    assert words in host.output()
    assert message.post(host).status is PKIStatus.SUCCESS
