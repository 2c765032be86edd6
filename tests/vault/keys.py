"""Keys of the fake vault: the /keys part of Key Vault's REST API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.vault import key_material
from tests.vault.answers import Answer, Refusal, decode, encode
from tests.vault.shelf import Shelf, Version

_RSA_OPERATIONS = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
_PRIVATE = {"sign", "decrypt", "unwrapKey"}  # what a disabled key does not do


@dataclass
class KeyVersion(Version):
    """A version of a key with its material."""

    kty: str = "RSA"
    crv: str = ""
    key_ops: list[str] = field(default_factory=list)
    material: Any = None


class Keys(Shelf[KeyVersion]):
    """What the routes of server.py call; `body` is the request's."""

    def __init__(self, url: str) -> None:
        super().__init__("Key", url)

    def create(self, name: str, body: Mapping[str, Any]) -> Answer:
        kty, crv = str(body.get("kty")), body.get("crv")
        material = key_material.make(kty, body.get("key_size"), crv)
        is_ec = kty.startswith("EC")
        version = KeyVersion(
            kty=kty,
            crv=str(crv or "P-256") if is_ec else "",
            key_ops=list(body.get("key_ops") or (["sign", "verify"] if is_ec else _RSA_OPERATIONS)),
            material=material,
        )
        version.update(body)
        return Answer(200, self.bundle(name, self.put(name, version)))

    def rotate(self, name: str, _: Mapping[str, Any]) -> Answer:
        """A new version of the same kind."""
        old = self.find(name)
        size = old.material.key_size if not old.crv else None
        material = key_material.make(old.kty, size, old.crv or None)
        made = KeyVersion(kty=old.kty, crv=old.crv, key_ops=list(old.key_ops), material=material)
        return Answer(200, self.bundle(name, self.put(name, made)))

    def update(self, name: str, version: str, body: Mapping[str, Any]) -> Answer:
        found = self.find(name, version)
        found.update(body)
        found.key_ops = list(body.get("key_ops") or found.key_ops)
        return Answer(200, self.bundle(name, found))

    def get(self, name: str, version: str, _: Mapping[str, Any]) -> Answer:
        return Answer(200, self.bundle(name, self.find(name, version)))

    def operate(self, name: str, version: str, operation: str, body: Mapping[str, Any]) -> Answer:
        """sign, verify, encrypt, decrypt, wrapkey, unwrapkey."""
        found = self.find(name, version)
        permitted = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}.get(operation, operation)
        self._check(found, permitted)
        alg, key = str(body.get("alg")), found.material
        if operation == "verify":
            digest, signature = decode(body.get("digest")), decode(body.get("value"))
            return Answer(200, {"value": key_material.verify(key, found.crv, alg, digest, signature)})
        given = decode(body.get("value"))
        if operation == "sign":
            made = key_material.sign(key, found.crv, alg, given)
        elif permitted in ("encrypt", "wrapKey"):
            made = key_material.encrypt(key, alg, given)
        else:
            made = key_material.decrypt(key, alg, given)
        return Answer(200, {"kid": self.identifier(name, found.version), "value": encode(made)})

    def bundle(self, name: str, version: KeyVersion) -> dict[str, Any]:
        key = {"kid": self.identifier(name, version.version), "kty": version.kty, "key_ops": version.key_ops}
        key |= key_material.public_members(version.material, version.crv)
        attributes = version.attributes() | {"exportable": False, "hsmPlatform": "2"}
        return {"key": key, "attributes": attributes, "tags": version.tags}

    def describe_deleted(self, name: str) -> dict[str, Any]:
        version, told = self.find_deleted(name)
        return told | self.bundle(name, version)

    def item(self, name: str, version: KeyVersion) -> dict[str, Any]:
        return {
            "kid": self.identifier(name, version.version),
            "attributes": version.attributes(),
            "tags": version.tags,
        }

    def _check(self, version: KeyVersion, operation: str) -> None:
        if operation not in version.key_ops:
            message = f"Operation {operation} is not permitted on this key."
            raise Refusal(403, "Forbidden", message, "KeyOperationForbidden")
        if operation not in _PRIVATE:
            return
        if not version.enabled:
            message = f"Operation {operation} is not allowed on a disabled key."
            raise Refusal(403, "Forbidden", message, "KeyDisabled")
        now = time.time()
        if version.not_before is not None and now < version.not_before:
            raise Refusal(403, "Forbidden", f"Operation {operation} is not allowed yet.", "KeyNotYetValid")
        if version.expires is not None and now >= version.expires:
            message = f"Operation {operation} is not allowed on an expired key."
            raise Refusal(403, "Forbidden", message, "KeyExpired")
