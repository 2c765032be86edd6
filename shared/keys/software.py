"""Keys in files, for one machine: development, the demo, an offline root. Refused in Azure by shared/config.

A key file is PKCS #8 PEM, encrypted when a password is given (PBES2), and always mode 0600.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.errors import KeyUnavailable
from shared.keys.ports import SigningKey

ALGORITHMS = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384")


def generate(algorithm: str) -> SigningKey:
    """A fresh key; `algorithm` is one of ALGORITHMS. Raises ValueError on another."""
    if algorithm not in ALGORITHMS:
        raise ValueError(f"key algorithm {algorithm!r} is not one of {', '.join(ALGORITHMS)}")
    family, size = algorithm.split("-")
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=int(size))
    return ec.generate_private_key(ec.SECP256R1() if size == "256" else ec.SECP384R1())


def write_key(path: Path, key: SigningKey, password: str = "") -> None:
    """Write a new key file, mode 0600 from its first byte. Raises FileExistsError: a key is never overwritten."""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())  # a certificate for this key comes next; the key must not be the one to go


def read_key(path: Path, password: str = "") -> SigningKey:
    """The key in `path`. Raises KeyUnavailable: no file, others can read it, wrong password, not such a key."""
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise KeyUnavailable(f"{path} can be read by others; run: chmod 600 {path}")
        key = serialization.load_pem_private_key(path.read_bytes(), password.encode() or None)
    except FileNotFoundError:
        raise KeyUnavailable(f"no key file {path}; run: python manage.py ca init") from None
    except OSError as error:
        raise KeyUnavailable(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's own text could quote the file: say only which file and which setting.
        raise KeyUnavailable(f"{path} does not open with the password in SCEPTER_CA_KEY_PASSWORD") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise KeyUnavailable(f"{path} holds neither an RSA nor an EC key")
    return key
