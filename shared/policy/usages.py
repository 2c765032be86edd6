"""Key usage and extended key usage (RFC 5280 4.2.1.3, .12): what may be asked for, what comes unasked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, model_validator

from shared.asn1 import oids
from shared.asn1.writer import oid as encode_oid
from shared.policy.entry import Entry, contradiction
from shared.policy.public_key import KeyFamily
from shared.policy.refusal import refusal

KeyUsageName = Literal[
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement"
]  # keyCertSign and cRLSign are for CAs; encipherOnly and decipherOnly have no user
KEY_USAGES: tuple[KeyUsageName, ...] = get_args(KeyUsageName)

# RFC 3279 2.3.1 and RFC 5480 3: the usages a key can serve
_FITTING: Mapping[KeyFamily, frozenset[str]] = {
    "RSA": frozenset({"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment"}),
    "EC": frozenset({"digitalSignature", "nonRepudiation", "keyAgreement"}),
}

PURPOSES: Mapping[str, str] = {
    "clientAuth": oids.EKU_CLIENT_AUTH,
    "serverAuth": oids.EKU_SERVER_AUTH,
    "emailProtection": oids.EKU_EMAIL_PROTECTION,
    "smartcardLogon": oids.EKU_SMARTCARD_LOGON,
    "pkinitClient": oids.EKU_PKINIT_CLIENT,
    "pkinitKDC": oids.EKU_PKINIT_KDC,
    "ipsecIKE": oids.EKU_IPSEC_IKE,
    "ipsecEndSystem": oids.EKU_IPSEC_END_SYSTEM,
    "ipsecTunnel": oids.EKU_IPSEC_TUNNEL,
    "ipsecUser": oids.EKU_IPSEC_USER,
    "eapOverLAN": oids.EKU_EAP_OVER_LAN,
    "codeSigning": oids.EKU_CODE_SIGNING,
    "documentSigning": oids.EKU_DOCUMENT_SIGNING,
    "encryptingFileSystem": oids.EKU_ENCRYPTING_FILE_SYSTEM,
}
_NAMES = {dotted: name for name, dotted in PURPOSES.items()}
# anyExtendedKeyUsage is every purpose; an OCSP signer under the CA speaks for the CA (RFC 6960 4.2.2.2);
# time stamping must be alone and critical (RFC 3161 2.3), which end-entity profiles here cannot express.
_NEVER = {oids.ANY_EXTENDED_KEY_USAGE, oids.EKU_OCSP_SIGNING, oids.EKU_TIME_STAMPING}


def purpose_oid(name: str) -> str:
    """The dotted form of a friendly name (`clientAuth`) or dotted purpose. Raises ValueError."""
    dotted = PURPOSES.get(name, name)
    try:
        encode_oid(dotted)
    except ValueError:
        raise ValueError("neither a known purpose (clientAuth, ...) nor a dotted object identifier") from None
    if dotted in _NEVER:
        raise ValueError(f"the purpose {dotted} is never issued to devices and users")
    return dotted


def purpose_name(dotted: str) -> str:
    """The friendly name of a purpose, or its dotted form."""
    return _NAMES.get(dotted, dotted)


Purpose = Annotated[str, AfterValidator(purpose_oid)]
_Usage = TypeVar("_Usage", bound=str)


def _check_default(allowed: Collection[_Usage], default: Collection[_Usage] | None) -> None:
    for name, listed in (("allowed", allowed), ("default", default or ())):
        if len(set(listed)) != len(listed):
            raise contradiction("a usage is named twice", name)
    if default is not None and not set(default) <= set(allowed):
        raise contradiction("a default that is not among the allowed ones", "default")


class KeyUsageRule(Entry):
    """Key usages that may be asked for; `default` (else all of them) is for requests that ask for none."""

    allowed: Annotated[tuple[KeyUsageName, ...], Field(min_length=1)]
    default: Annotated[tuple[KeyUsageName, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> KeyUsageRule:
        _check_default(self.allowed, self.default)
        return self

    def unasked(self, family: KeyFamily) -> frozenset[str]:
        """The default less what the key cannot serve: an EC key enciphers nothing (RFC 5480 3)."""
        return frozenset(self.default or self.allowed) & _FITTING[family]

    def granted(self, requested: Collection[str] | None, family: KeyFamily) -> frozenset[str]:
        """What is certified; an empty request counts as none. Raises PolicyViolation."""
        if not requested:
            return self.unasked(family)
        self.check(requested)
        misfits = sorted(set(requested) - _FITTING[family])
        if misfits:
            raise refusal(f"A key of this kind cannot serve the usage {misfits[0]}", f"{family}: {misfits}")
        return frozenset(requested)

    def check(self, requested: Collection[str]) -> None:
        """Raises PolicyViolation unless all of `requested` may be asked for."""
        excess = sorted(set(requested) - set(self.allowed))
        if excess:
            raise refusal(f"The key usage {excess[0]} is not allowed", f"not among {list(self.allowed)}")


class ExtendedKeyUsageRule(Entry):
    """Purposes that may be asked for; `default` (else all of them) is for requests that ask for none."""

    allowed: tuple[Purpose, ...] = ()
    default: tuple[Purpose, ...] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> ExtendedKeyUsageRule:
        _check_default(self.allowed, self.default)
        return self

    def granted(self, requested: Sequence[str] | None) -> tuple[str, ...]:
        """What is certified, dotted; an empty request counts as none. Raises PolicyViolation."""
        if not requested:
            return self.allowed if self.default is None else self.default
        self.check(requested)
        return tuple(dict.fromkeys(requested))

    def check(self, requested: Collection[str]) -> None:
        """Raises PolicyViolation unless all of `requested` (dotted) may be asked for."""
        excess = sorted(set(requested) - set(self.allowed))
        if excess:
            name, allowed = purpose_name(excess[0]), [purpose_name(dotted) for dotted in self.allowed]
            raise refusal(f"The extended key usage {name} is not allowed", f"not among {allowed}")
