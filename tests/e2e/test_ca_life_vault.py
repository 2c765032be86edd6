"""The ceremony and a rollover of a CA whose key is in a vault: by the commands, a host, strongSwan and openssl."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.ca.folder_holdings import certificates_in
from shared.keys.vault_transport import VaultTransport
from shared.wiring.vault import VaultParts
from shared.x509.certificate import Certificate
from tests.e2e.ca_house import House, id_of
from tests.e2e.host import Host
from tests.e2e.relying_party import RelyingParty
from tests.e2e.site import ROOT, Site
from tests.e2e.strongswan import StrongSwan
from tests.e2e.vault_site import VaultSite
from tests.vault.clients import vaults_over
from tests.vault.credential import AUDIENCE, FakeCredential
from tests.vault.server import FakeVault

pytestmark = [pytest.mark.host, pytest.mark.client]


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVault]:
    """What the commands find where SCEPTER_VAULT_URL points, with an administrator's login."""
    with FakeVault(tmp_path) as running:
        transport = VaultTransport(trust=str(running.trust))
        monkeypatch.setattr(VaultParts, "credential", FakeCredential("administrator"))
        monkeypatch.setattr(VaultParts, "vault_transport", transport)
        monkeypatch.setenv("SCEPTER_VAULT_URL", running.url)
        monkeypatch.setenv("SCEPTER_VAULT_AUDIENCE", AUDIENCE)
        yield running
        transport.close()


def enrol(host: Host, folder: Path, name: str, before: Certificate | None = None) -> Certificate:
    """By challenge, or by the certificate it has; judged by openssl."""
    folder.mkdir(exist_ok=True)
    for file in (*folder.glob("ca*.pem"), *folder.glob("ra*.pem")):
        file.unlink()
    client = StrongSwan(folder, host.scep(), name)
    answer = client.fetch_ca()
    assert "RA cert is trusted" in answer.said, answer.said
    if before is None:
        challenge = host.challenge(client.subject, sans=client.sans, device=name)
        certificate = client.enrol(challenge).certificate
    else:
        certificate = client.renew(before).certificate
    party = folder / "party"
    party.mkdir(exist_ok=True)
    RelyingParty(party, host.http, certificates_in(host.site.folder / "root" / "root.pem")[0]).accepts(
        certificate
    )
    return certificate


def test_a_ca_in_a_vault_from_its_key_to_its_successor(vault: FakeVault, tmp_path: Path) -> None:
    with Azurite.start(in_memory=True) as azurite:
        app = tmp_path / "app"
        shutil.copytree(Path(__file__).with_name("vault_app"), app)
        shutil.copy(ROOT / "host.json", app)
        site = Site.make(tmp_path / "site", azurite.connection_string)
        shutil.rmtree(site.ca.path)
        house = House(site)
        house.make_root("root", "CN=Example Root CA,O=Example")
        dry = ("request", "--subject", "CN=x", "--out", str(site.folder / "x.csr"), "--dry-run")
        house.run(*dry)
        assert not any(call.startswith("keys/") for call in vault.calls)
        house.install(house.sign(house.request("one", "CN=Example Issuing CA 1,O=Example"), "one"))
        stays_in_the_vault(vault)
        first = certificates_in(site.folder / "one.pem")[0]
        with VaultSite(site, vault, id_of(first), app).hosts(1) as (host,):
            moved_over(house, host, vault, tmp_path / "swan", first)


def stays_in_the_vault(vault: FakeVault) -> None:
    """The key was made in the HSM, signs, and does nothing else."""
    with vaults_over(vault) as vaults:
        key = vaults.at(vault.url).keys.get_key("issuing-ca")
    assert (key.key_type, key.key_operations) == ("EC-HSM", ["sign"])
    assert not key.properties.exportable


def moved_over(house: House, host: Host, vault: FakeVault, folder: Path, first: Certificate) -> None:
    vault.calls.clear()
    device = enrol(host, folder, "swan")
    assert vault.calls["keys/sign"] == 1
    assert device.authority_key_identifier == first.subject_key_identifier
    second = house.successor("two", "CN=Example Issuing CA 2,O=Example")
    host.manage("POST", "crl")  # or wait for five minutes
    assert b"GetNextCACert" in host.http.get("/scep/device?operation=GetCACaps").content
    house.run("take-over", id_of(second))
    host.manage("POST", "crl")
    renewed = enrol(host, folder, "swan", device)
    assert renewed.authority_key_identifier == second.subject_key_identifier
    assert house.meter() == {
        id_of(first): ("former", 1, "100.0%"),
        id_of(second): ("issuing", 1, "100.0%"),
    }
    assert vault.calls["keys/decrypt"] == 0
    host.revoke(device.serial_hex, "superseded")  # by the CA before, whose key still signs its CRL
    party = folder / "party"
    RelyingParty(party, host.http, certificates_in(host.site.folder / "root" / "root.pem")[0]).finds_revoked(
        device
    )
