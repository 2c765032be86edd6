"""A CA in a fake vault: its key made there, certified by a root that is kept nowhere, its RA made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.ca import hierarchy
from shared.ca.installing import install, issuer_of, request_certificate
from shared.ca.vault import VaultCA
from shared.keys import software
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.keyvault_making import VaultKeyMaker
from shared.keys.ports import SigningKey
from shared.keys.vault_names import VaultName
from shared.keys.vault_secrets import VaultSecretStore
from shared.keys.vaults import Vaults
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from shared.x509.request import CertificateRequest
from tests.vault.clients import vaults_over
from tests.vault.server import FakeVault

DAY = timedelta(days=1)
CHAIN, RA, KEY = "issuing-ca-chain", "scep-ra", "issuing-ca"


@dataclass(frozen=True)
class Root:
    """A root in memory."""

    key: SigningKey
    certificate: Certificate

    @classmethod
    def make(cls, now: datetime) -> Root:
        key = software.generate("p-256")
        name = Name.build([("O", "Example"), ("CN", "Root")])
        return cls(key, hierarchy.self_signed_root(key, name, not_before=now - DAY, life=7000 * DAY))

    def crl(self, now: datetime) -> bytes:
        return hierarchy.root_crl(self.certificate, self.key, now=now, life=365 * DAY)

    def certify(self, request: bytes, now: datetime, base_url: str) -> Certificate:
        asked = CertificateRequest.from_der(request)
        return hierarchy.subordinate(
            self.certificate,
            self.key,
            spki=asked.spki,
            subject=asked.subject,
            not_before=now - DAY,
            life=1800 * DAY,
            base_url=base_url,
        )


def install_ca(
    vault: FakeVault, base_url: str, algorithm: str = "rsa-2048", *, ra_age: timedelta = timedelta(0)
) -> Certificate:
    """The issuing CA's certificate, after everything is in its place; its RA was made `ra_age` ago."""
    return install_under(vault, base_url, algorithm, ra_age)[0]


def install_under(
    vault: FakeVault, base_url: str, algorithm: str, ra_age: timedelta = timedelta(0)
) -> tuple[Certificate, Root]:
    """The same, and the root."""
    today = datetime.now(UTC).replace(microsecond=0)
    now = today - ra_age
    root = Root.make(now)
    with vaults_over(vault) as vaults:
        home = home_in(vault, vaults)
        name = Name.build([("O", "Example"), ("CN", "Issuing in a vault")])
        asked = request_certificate(home, name, algorithm)
        issuing = root.certify(asked.der, now, base_url)
        accepted = install(home, [issuing, root.certificate], [root.crl(today)], now=today)
        home.keep_holdings(accepted.holdings)
        assert accepted.generation is not None
        issuer = issuer_of(home, accepted.generation, base_url)
        home.add_ra_identity(issuer, now=now, backdate=timedelta(0) if ra_age else DAY)
    vault.calls.clear()
    return issuing, root


def home_in(vault: FakeVault, vaults: Vaults) -> VaultCA:
    """The CA as a ceremony sees it."""
    keys, name = KeyVaultKeys(vaults), VaultName(vault.url, "keys", KEY)
    return VaultCA(
        VaultSecretStore(vaults.at(vault.url)),
        lambda public_key: keys.signing_key(name, public_key),
        chain_secret=CHAIN,
        ra_secret=RA,
        clock=lambda: datetime.now(UTC),
        maker=VaultKeyMaker(vaults, keys, name),
    )
