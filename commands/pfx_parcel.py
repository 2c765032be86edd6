"""One PFX on the administrator's machine, opened and checked, made into the parcel that is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from shared.errors import MalformedMessage
from shared.pfx.import_keys import ImportKey
from shared.pfx.inspection import check_certificate, check_mail, check_thumbprint, open_pfx
from shared.pfx.parcel_order import ParcelOrder, too_large
from shared.pfx.password_text import check_password
from shared.store.parcels import Purpose


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says of a PFX. `mail` is the address it has to name, where that is not the user's principal name;
    `thumbprint` is empty if nobody knows it."""

    file: Path
    user: str
    purpose: Purpose
    password: str = field(repr=False)
    mail: str = ""
    thumbprint: str = ""
    utf8_password: bool = False


def prepare(wanted: Wanted, key: ImportKey, largest: int, now: datetime) -> tuple[ParcelOrder, list[str]]:
    """The parcel, and what is worth a warning. Raises RequestError with what is wrong."""
    pfx = _read(wanted.file, largest)
    check_password(wanted.password, utf8=True)  # an empty one is not even tried
    opened = open_pfx(pfx, wanted.password)
    check_password(wanted.password, utf8=wanted.utf8_password)
    check_thumbprint(opened, wanted.thumbprint)
    warnings = check_certificate(opened, wanted.purpose, now)
    check_mail(opened, wanted.mail or wanted.user)
    certificate = opened.certificate
    order = ParcelOrder(
        user=wanted.user.lower(),
        thumbprint=opened.thumbprint,
        purpose=wanted.purpose,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        subject=certificate.subject.text()[:2048],
        password=key.seal(wanted.password.encode()),
        pfx=pfx,
    )
    return order, warnings


def _read(path: Path, largest: int) -> bytes:
    """Not more of it than is needed to see that it is too large."""
    try:
        size = path.stat().st_size
        if size > largest:
            raise too_large(size, largest)
        return path.read_bytes()
    except OSError as error:
        raise MalformedMessage(f"the PFX cannot be read: {error.strerror}") from None
