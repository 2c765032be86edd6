"""A CA in a fake vault: its key made there, certified by a root that is kept nowhere, its RA made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.ca import hierarchy
from shared.ca.vault import VaultCA
from shared.keys import software
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.ports import public_key_info
from shared.keys.vault_names import VaultName
from shared.keys.vault_secrets import VaultSecretStore
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from tests.vault.clients import make_key, vaults_over
from tests.vault.server import FakeVault

DAY = timedelta(days=1)
CHAIN, RA, KEY = "issuing-ca-chain", "scep-ra", "issuing-ca"


def install_ca(vault: FakeVault, base_url: str, algorithm: str = "rsa-2048") -> Certificate:
    """The issuing CA's certificate, after everything is in its place."""
    now = datetime.now(UTC).replace(microsecond=0)
    with vaults_over(vault) as vaults:
        make_key(vaults, vault.url, KEY, algorithm, key_operations=["sign"])
        keys, name = KeyVaultKeys(vaults), VaultName(vault.url, "keys", KEY)
        secrets = VaultSecretStore(vaults.at(vault.url))
        root_key = software.generate("p-256")
        root = hierarchy.self_signed_root(
            root_key, Name.build([("O", "Example"), ("CN", "Root")]), not_before=now - DAY, life=7000 * DAY
        )
        issuing = hierarchy.subordinate(
            root,
            root_key,
            spki=public_key_info(keys.signing_key(name)),
            subject=Name.build([("O", "Example"), ("CN", "Issuing in a vault")]),
            not_before=now - DAY,
            life=1800 * DAY,
            base_url=base_url,
        )
        ca = VaultCA(
            secrets,
            lambda public_key: keys.signing_key(name, public_key),
            chain_secret=CHAIN,
            ra_secret=RA,
            clock=lambda: datetime.now(UTC),
        )
        crl = hierarchy.root_crl(root, root_key, now=now, life=365 * DAY)
        issuer = ca.install([issuing, root], crl, base_url=base_url)
        ca.add_ra_identity(issuer, now=now, backdate=DAY)
    vault.calls.clear()
    return issuing
