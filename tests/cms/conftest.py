"""Identities and the openssl command line for the tests of CMS."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.keys.ports import DecryptionKey
from tests.cms import openssl as command
from tests.cms import vectors
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL


@pytest.fixture(scope="session")
def rsa_identity() -> Identity:
    """RSA-2048 with the serial number of many a self-signed SCEP client."""
    return Identity.make(rsa.generate_private_key(65537, 2048), "rsa", serial=1)


@pytest.fixture(scope="session")
def other_identity() -> Identity:
    """A second RSA-2048 key."""
    return Identity.make(rsa.generate_private_key(65537, 2048), "other", serial=2)


@pytest.fixture(scope="session")
def ec_identity() -> Identity:
    """P-256."""
    return Identity.make(ec.generate_private_key(ec.SECP256R1()), "ec", serial=3)


@pytest.fixture(scope="session")
def recipient() -> tuple[bytes, DecryptionKey]:
    """(certificate DER, key) that the stored requests are sealed to."""
    return vectors.recipient()


@pytest.fixture
def openssl(
    tmp_path: Path, rsa_identity: Identity, other_identity: Identity, ec_identity: Identity
) -> OpenSSL:
    """openssl in a folder with rsa.pem, rsa.key, other.pem, other.key, ec.pem and ec.key."""
    rsa_identity.write(tmp_path, "rsa")
    other_identity.write(tmp_path, "other")
    ec_identity.write(tmp_path, "ec")
    return command.start(tmp_path)
