"""Names of keys and secrets in vaults: `name`, `name/version`, or the whole identifier with its vault.

Identifiers look like https://<vault>.vault.azure.net/keys/<name>/<version>; a managed HSM's have another host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

Kind = Literal["keys", "secrets"]

_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_NAME: Final = r"[0-9A-Za-z-]{1,127}"
_VERSION: Final = r"[0-9A-Fa-f]{32}"
_URL: Final = re.compile(rf"https://{_HOST}/?")
_SHORT: Final = re.compile(rf"(?P<name>{_NAME})(/(?P<version>{_VERSION}))?")
_LONG: Final = re.compile(
    rf"(?P<vault>https://{_HOST})/(?P<kind>keys|secrets)/(?P<name>{_NAME})(/(?P<version>{_VERSION}))?"
)


def vault_url(text: str) -> str:
    """The URL of a vault without its last slash. Raises ValueError; http is refused, tokens would be seen."""
    if not _URL.fullmatch(text):
        raise ValueError("must look like https://<vault>.vault.azure.net")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class VaultName:
    """A key or secret in a vault; `version` is empty for the current one."""

    vault: str
    kind: Kind
    name: str
    version: str = ""

    @classmethod
    def parse(cls, text: str, *, kind: Kind, vault: str = "") -> Self:
        """From a setting; `vault` is where short names are. Raises ValueError."""
        found = _LONG.fullmatch(text)
        if found:
            if found["kind"] != kind:
                raise ValueError(f"must be one of the vault's {kind}")
            return cls(found["vault"], kind, found["name"], found["version"] or "")
        found = _SHORT.fullmatch(text)
        if not found:
            raise ValueError(f"must be a name, name/version, or https://<vault>/{kind}/<name>/<version>")
        if not vault:
            raise ValueError("a short name needs SCEPTER_VAULT_URL beside it")
        return cls(vault_url(vault), kind, found["name"], found["version"] or "")

    @property
    def host(self) -> str:
        """The vault's host, and its port if it has one."""
        return self.vault.removeprefix("https://")

    def __str__(self) -> str:
        return "/".join(part for part in (self.vault, self.kind, self.name, self.version) if part)
