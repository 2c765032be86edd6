"""Known keys and a mark for passwords, and the search for them in everything that was written anywhere."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")
MARK = "pLaNtEd-PaSsWoRd-"
_PART = 24
"""Octets of a secret that are looked for: a careless cut would leave as much."""


@dataclass(frozen=True)
class Planted:
    """What a host is given, and must not show."""

    folder: Path
    secrets: tuple[bytes, ...]

    @classmethod
    def make(cls, folder: Path, *, rsa_keys: int = 3, ec_keys: int = 3) -> Planted:
        """Keys in files of `folder`."""
        folder.mkdir()
        found: list[bytes] = [MARK.encode()]
        for number in range(rsa_keys):
            made = rsa.generate_private_key(65537, 2048)
            numbers = made.private_numbers()
            found += [
                value.to_bytes(256, "big").lstrip(b"\0")[8 : 8 + _PART] for value in (numbers.d, numbers.p)
            ]
            found.append(numbers.q.to_bytes(128, "big")[8 : 8 + _PART])
            _write(folder / f"rsa-{number}.pem", made)
        for number in range(ec_keys):
            curve = ec.generate_private_key(ec.SECP256R1())
            found.append(curve.private_numbers().private_value.to_bytes(32, "big")[4 : 4 + _PART])
            _write(folder / f"ec-{number}.pem", curve)
        return cls(folder, tuple(found))

    @property
    def environment(self) -> dict[str, str]:
        """For hosts that run tests/e2e/planted_app."""
        return {"PLANTED_MARK": MARK, "PLANTED_KEYS": str(self.folder)}

    def traces(self, data: bytes) -> list[str]:
        """How a secret shows in `data`, or in what is base64 in it, as bodies of messages are."""
        found = self._traces(data)
        for run in _BASE64.findall(data):
            found += [f"{trace}, in base64 around it" for trace in self._traces(_decoded(run))]
        return found

    def _traces(self, data: bytes) -> list[str]:
        """As it is, in hexadecimal, or in base64 at any of its three alignments and in lines of PEM."""
        lowered, joined = data.lower(), data.replace(b"\\n", b"").replace(b"\n", b"")
        found = []
        for number, secret in enumerate(self.secrets):
            if secret in data:
                found.append(f"secret {number} as it is")
            if secret.hex().encode() in lowered:
                found.append(f"secret {number} in hexadecimal")
            if any(spelt in joined for spelt in _in_base64(secret)):
                found.append(f"secret {number} in base64")
        return found

    def search(self, *folders: Path) -> list[str]:
        """Every trace in every file below the folders, but for what was planted."""
        found = []
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and self.folder not in path.parents:
                    found += [f"{path.name}: {trace}" for trace in self.traces(path.read_bytes())]
        return found


def _in_base64(secret: bytes) -> list[bytes]:
    """What base64 of anything that holds the secret holds, in both alphabets."""
    found = [base64.b64encode(bytes(shift) + secret)[(shift * 4 + 2) // 3 + 1 : -4] for shift in range(3)]
    return [*found, *(each.translate(bytes.maketrans(b"+/", b"-_")) for each in found)]


def _decoded(run: bytes) -> bytes:
    try:
        return base64.b64decode(run[: len(run) // 4 * 4])
    except binascii.Error:
        return b""


def _write(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
