"""Renewal (RFC 8894 3.3.1.2, 2.3): decided by who signed the message, never by its type; clients mix them up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.ca.authority import Order
from shared.ca.issuers import CAIdentity, KnownCAs
from shared.errors import ChallengeRejected, PolicyViolation, RequestError, UnknownCertificate
from shared.policy.profile import Profile
from shared.policy.renewal import check_same_names
from shared.store.ports import CertificateRecord, CertificateStore, Status
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.request import CertificateRequest


@dataclass(frozen=True, slots=True)
class Renewal:
    """What the signer's certificate entitles to. `order` is None when it does not renew; then `refusal` is what a
    request without a challenge is told. `signer_is_live`: the signer's certificate is ours, by our CA `issuer`, and
    good now."""

    order: Order | None
    signer_is_live: bool
    refusal: RequestError
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Renewals:
    """Examines signers against the certificates on record; one point read for a signer of ours, none for others.

    Whichever of our CAs has issued it: so devices move from a CA to its successor.
    """

    issuers: KnownCAs
    store: CertificateStore

    def examine(
        self, signer: Certificate, request: CertificateRequest, profile: Profile, now: datetime
    ) -> Renewal:
        """Whether a message signed by `signer` renews. Raises StoreUnavailable."""
        issuer = self._issuer_of(signer)
        if issuer is None:
            missing = ChallengeRejected("no challenge, and not signed by a certificate of ours")
            return Renewal(None, signer_is_live=False, refusal=missing)
        record = self.store.find(issuer, signer.serial_hex)
        live = record is not None and _live(record, now)
        if record is None or not live:
            state = record.status.value if record else "not on record"
            return Renewal(None, False, UnknownCertificate(f"signer {signer.serial_hex}: {state} or expired"))
        try:
            self._check(signer, request, profile, record, now)
        except PolicyViolation as violation:
            return Renewal(None, live, violation)
        return Renewal(_order(record, request, profile), live, ChallengeRejected("renewal"), issuer)

    def find_live(self, signer: Certificate, now: datetime) -> CertificateRecord | None:
        """The record of a signer's certificate if it is ours and good now. Raises StoreUnavailable."""
        issuer = self._issuer_of(signer)
        record = self.store.find(issuer, signer.serial_hex) if issuer else None
        return record if record is not None and _live(record, now) else None

    def _issuer_of(self, signer: Certificate) -> str | None:
        """The id of the CA of ours that signed the signer's certificate: name first, which is cheap."""
        named = (
            each for each in self.issuers.known() if each.certificate.subject.encoded == signer.issuer.encoded
        )
        return next((each.id for each in named if _has_signed(each, signer)), None)

    def _check(
        self,
        signer: Certificate,
        request: CertificateRequest,
        profile: Profile,
        record: CertificateRecord,
        now: datetime,
    ) -> None:
        if not profile.certificate_only_renewal:
            raise PolicyViolation(f"profile {profile.name} does not renew by certificate")
        if record.profile != profile.name:
            raise PolicyViolation(
                f"the signer's certificate is of profile {record.profile}, not {profile.name}"
            )
        if not profile.renewal_open(signer.not_before, signer.not_after, now):
            raise PolicyViolation(
                f"renewal window of {signer.serial_hex} is not open", public="It is too early to renew."
            )
        check_same_names(request, signer)


def _has_signed(ca: CAIdentity, certificate: Certificate) -> bool:
    try:
        verify_signature(certificate, ca.certificate.public_key)
    except RequestError:
        return False
    return True


def _live(record: CertificateRecord, now: datetime) -> bool:
    return record.status is Status.GOOD and record.not_after > now


def _order(record: CertificateRecord, request: CertificateRequest, profile: Profile) -> Order:
    return Order(
        identity=f"renewal:{record.serial}:{request.key_hash}",
        profile=profile.name,
        vouched_by=f"renewal:{record.serial}",
        device=record.device,
        user=record.user,
        predecessor=record.serial,
        challenge_minted_at=record.challenge_minted_at,
        request=request.der,
    )
