"""OpenSSL as the device: it opens the sealed password, the PFX with it, and then signs and reads mail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from shared.pfx.imported_delivery import Item
from shared.pfx.password_sealing import CMSSealer
from shared.policy.pkcs import SealingForm
from shared.store.parcels import Purpose
from shared.x509.certificate import Certificate
from tests.pfx.imported_site import ImportSite, brought, device_key, request
from tests.pfx.mail import PASSWORD, Holder, holder, legacy, mail_ca, signer
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW

MAIL = b"From: ann@example.org\nSubject: figures\n\nThe figures of November.\n"
FORMS: dict[str, Any] = {
    "PBES2, AES-256": BestAvailableEncryption(PASSWORD.encode()),
    "PBES1, 3DES, SHA-1": legacy(),
}


@pytest.fixture
def site(openssl: OpenSSL) -> ImportSite:
    """The device has its key and certificate as files."""
    site = ImportSite()
    record = site.enrol()
    assert record.certificate is not None
    pem = device_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (openssl.folder / "device.key").write_bytes(pem)
    (openssl.folder / "device.crt").write_bytes(record.certificate)
    (openssl.folder / "ca.pem").write_bytes(mail_ca().public_bytes(Encoding.PEM))
    return site


def password(openssl: OpenSSL, item: Item) -> str:
    """What openssl finds in the envelope, by the recipient's issuer and serial number."""
    return openssl.run(
        *("cms", "-decrypt", "-inform", "DER", "-recip", "device.crt", "-inkey", "device.key"),
        data=item.sealed_password,
    ).decode()


def install(openssl: OpenSSL, item: Item, name: str, *options: str) -> None:
    """The PFX, opened with the delivered password, as `name`.pem: key and certificate."""
    (openssl.folder / "secret").write_text(password(openssl, item) + "\n", encoding="utf-8")
    (openssl.folder / f"{name}.pfx").write_bytes(item.pfx)
    openssl.run(
        *("pkcs12", "-in", f"{name}.pfx", "-passin", "file:secret", "-noenc", "-out", f"{name}.pem", *options)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", ["stored", "brought"])
@pytest.mark.parametrize("owner", [holder(), holder("ec ann", usages=("key_agreement",))], ids=["RSA", "EC"])
def test_every_pfx_opens_after_its_delivery(
    site: ImportSite, openssl: OpenSSL, owner: Holder, shape: str, form: str
) -> None:
    pfx = owner.pfx(protection=FORMS[form])
    if shape == "stored":
        order = site.order(owner)
        site.parcels.take(replace(order, pfx=pfx), by="tests")
        asked = request()
    else:
        parcel = brought(site, owner)
        site.blobs.put(parcel.blob, pfx)
        asked = request(parcel=parcel)
    site.service.handle(asked)
    (item,) = site.delivered(asked).items
    assert item.pfx == pfx
    assert password(openssl, item) == PASSWORD
    install(openssl, item, "mail")
    shown = openssl.run("x509", "-in", "mail.pem", "-noout", "-fingerprint", "-sha1").decode()
    assert shown.strip().rpartition("=")[2].replace(":", "").lower() == owner.thumbprint


def test_old_forms_of_other_programs_open_too(site: ImportSite, openssl: OpenSSL) -> None:
    owner = holder()
    pem = owner.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += owner.certificate.public_bytes(Encoding.PEM)
    pfx = openssl.run(
        "pkcs12",
        "-export",
        "-legacy",
        "-certpbe",
        "PBE-SHA1-RC2-40",
        "-passout",
        f"pass:{PASSWORD}",
        data=pem,
    )
    order = site.order(owner)
    site.parcels.take(replace(order, pfx=pfx), by="tests")
    site.service.handle(request())
    (item,) = site.delivered(request()).items
    install(openssl, item, "mail", "-legacy")
    assert b"PRIVATE KEY" in (openssl.folder / "mail.pem").read_bytes()


@pytest.mark.parametrize(
    "secret", ["pässwörd", "€uro 雪", " blanks around ", "~!\"#$%&'()*+,-./:;<=>?@[]^_`{|}"]
)
def test_passwords_beyond_letters_open_too(site: ImportSite, openssl: OpenSSL, secret: str) -> None:
    site.keep(password=secret)
    site.service.handle(request())
    (item,) = site.delivered(request()).items
    assert password(openssl, item) == secret
    install(openssl, item, "mail")


@pytest.mark.parametrize("form", ["cms", "cms-pkcs1"])
def test_the_password_opens_by_any_key_transport(
    site: ImportSite, openssl: OpenSSL, form: SealingForm
) -> None:
    recipient = Certificate.from_der((openssl.folder / "device.crt").read_bytes())
    sealed = CMSSealer(form).seal(bytearray(b"secret"), recipient)
    assert password(openssl, Item("", "", b"", sealed)) == "secret"


@pytest.mark.parametrize("kind", ["", "ec "], ids=["RSA", "EC"])
def test_mail_is_signed_and_read_with_what_was_delivered(
    site: ImportSite, openssl: OpenSSL, kind: str
) -> None:
    usage = "key_agreement" if kind else "key_encipherment"
    site.keep(holder(f"{kind}reads", usages=(usage,)))
    site.keep(signer(f"{kind}signs"), purpose=Purpose.SIGNING)
    site.service.handle(request())
    for item in site.delivered(request()).items:
        install(openssl, item, item.purpose)
    untimely = ("-CAfile", "ca.pem", "-no_check_time")
    signed = openssl.run("cms", "-sign", "-signer", "smimeSigning.pem", "-md", "sha256", data=MAIL)
    assert openssl.run("cms", "-verify", *untimely, data=signed).replace(b"\r\n", b"\n") == MAIL
    broken = signed.replace(b"November", b"December")
    assert "erification failure" in openssl.refusal("cms", "-verify", *untimely, data=broken)
    sealed = openssl.run("cms", "-encrypt", "-aes256", "smimeEncryption.pem", data=signed)
    assert b"November" not in sealed
    opened = openssl.run("cms", "-decrypt", "-recip", "smimeEncryption.pem", data=sealed)
    assert openssl.run("cms", "-verify", *untimely, data=opened).replace(b"\r\n", b"\n") == MAIL


def test_mail_of_before_is_read_with_an_expired_certificate(site: ImportSite, openssl: OpenSSL) -> None:
    old = holder("reads old", begins=NOW - 900 * DAY, life=365 * DAY)
    (openssl.folder / "old.crt").write_bytes(old.certificate.public_bytes(Encoding.PEM))
    sealed = openssl.run("cms", "-encrypt", "-aes256", "old.crt", data=MAIL)
    site.keep(old)
    site.service.handle(request())
    (item,) = site.delivered(request()).items
    install(openssl, item, "old")
    read = openssl.run("cms", "-decrypt", "-recip", "old.pem", data=sealed)
    assert read.replace(b"\r\n", b"\n") == MAIL


def test_another_device_reads_nothing(site: ImportSite, openssl: OpenSSL) -> None:
    site.keep()
    site.service.handle(request())
    (item,) = site.delivered(request()).items
    other = device_key("other").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (openssl.folder / "other.key").write_bytes(other)
    openssl.refusal("cms", "-decrypt", "-inform", "DER", "-inkey", "other.key", data=item.sealed_password)
