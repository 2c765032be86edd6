"""Which outside CA it is: its certificate and chain, as an administrator has put them into a file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

from shared.asn1.pem import from_pem
from shared.ca.issuer import issuer_id
from shared.errors import IssuanceFault, RequestError
from shared.x509.certificate import Certificate, verify_signature


@dataclass(frozen=True, slots=True)
class OutsideIssuer:
    """A CAIdentity: the outside CA `name` (as profiles and settings say), proven to be a chain.

    Raises IssuanceFault.
    """

    name: str
    certificate: Certificate
    chain: tuple[Certificate, ...]

    def __post_init__(self) -> None:
        line = (self.certificate, *self.chain)
        for child, parent in pairwise(line):
            try:
                verify_signature(child, parent.public_key, allow_legacy=True)  # old roots sign with SHA-1
            except RequestError as error:
                raise IssuanceFault(
                    f"outside CA {self.name}: the chain breaks at {child.subject.text()}: {error.reason}"
                ) from error
        if not all(each.is_ca for each in line):
            raise IssuanceFault(f"outside CA {self.name}: its chain holds what is not a CA")

    @classmethod
    def read(cls, name: str, path: Path) -> Self:
        """From a PEM file: the CA that signs certificates first, its root last. ValueError, IssuanceFault."""
        try:
            blocks = from_pem(path.read_bytes())
            found = [Certificate.from_der(der) for label, der in blocks if label == "CERTIFICATE"]
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except RequestError as error:
            raise ValueError(f"{path} holds no certificates in PEM: {error.reason}") from None
        if not found:
            raise ValueError(f"{path} holds no certificates in PEM")
        return cls(name, found[0], tuple(found[1:]))

    @property
    def id(self) -> str:
        return issuer_id(self.certificate.spki)
