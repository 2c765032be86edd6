"""Import keys of the embedded host: software keys in the CA's folder, `import.key`, `import-2.key`, and so on.

The newest is the current one; the others open what was sealed to them. A version is the beginning of the SHA-256 of
the public key, so that a parcel from another folder is known to be foreign.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import DecryptionKey, public_key_info
from shared.pfx.import_keys import ImportKey

NAME = "import"
"""Of the key; a key in a vault has the name that it has there."""
_ALGORITHM = "rsa-3072"
_FILE = re.compile(r"import(?:-([0-9]{1,6}))?\.key")


class SoftwareImportKeys:
    """ImportKeys. The first key is made when it is first asked for; `password` protects the key files."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self._folder, self._password = folder, password
        self._loaded: dict[Path, rsa.RSAPrivateKey] = {}

    def versions(self) -> Sequence[ImportKey]:
        self.ensure()
        return [
            ImportKey(NAME, _version(key), key.public_key())
            for key in map(self._key, reversed(self._files()))
        ]

    def decryption_key(self, name: str, version: str) -> DecryptionKey | None:
        if name != NAME:
            return None
        return next((key for key in map(self._key, self._files()) if _version(key) == version), None)

    def ensure(self) -> None:
        """Make the first key, if there is none."""
        if not self._files():
            self._make(1)

    def rotate(self) -> ImportKey:
        """Make the next key, which is the current one from now on."""
        self._make(max(map(_number, self._files()), default=0) + 1)
        return self.versions()[0]

    def _files(self) -> list[Path]:
        found = (path for path in self._folder.glob("import*.key") if _FILE.fullmatch(path.name))
        return sorted(found, key=_number)

    def _key(self, path: Path) -> rsa.RSAPrivateKey:
        if path not in self._loaded:
            key = software.read_key(path, self._password)
            if not isinstance(key, rsa.RSAPrivateKey):
                raise KeyUnavailable(f"{path}: an import key must be RSA")
            self._loaded[path] = key
        return self._loaded[path]

    def _make(self, number: int) -> None:
        """A key file is there whole or not at all, and never replaced: others may be at it, too."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        final = self._folder / (f"{NAME}.key" if number == 1 else f"{NAME}-{number}.key")
        part = final.with_name(f".{final.name}.{os.getpid()}.{os.urandom(4).hex()}")
        software.write_key(part, software.generate(_ALGORITHM), self._password)
        try:
            with suppress(FileExistsError):
                final.hardlink_to(part)
        finally:
            part.unlink()


def _number(path: Path) -> int:
    found = _FILE.fullmatch(path.name)
    return int(found[1] or 1) if found else 0


def _version(key: rsa.RSAPrivateKey) -> str:
    return hashlib.sha256(public_key_info(key)).hexdigest()[:32]
