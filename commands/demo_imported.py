"""The demo on imported PFX: an old mail certificate of another CA reaches a device, which reads old mail with it."""

from __future__ import annotations

import secrets
import shutil
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from commands.demo_host import DemoHost
from commands.demo_pkcs import PKCSFailed, openssl
from commands.pfx_destination import Scepter
from commands.pfx_parcel import Wanted, prepare
from commands.pkcs_client import PFXClient
from commands.session import Management, console
from commands.stopwatch import Stopwatch
from shared.pfx.opening import open_sealed
from shared.store.parcels import Purpose

_USER = "ann@example.org"
_TEXT = b"Dear Ann,\r\n\r\nthis was written years ago.\r\n"


def show_imported(
    host: DemoHost, manage: Management, device: str, device_key: object, watch: Stopwatch
) -> None:
    """Import an expired mail certificate, have it delivered to `device`, read old mail there. Raises PKCSFailed."""
    work = host.folder / "old-mail"
    work.mkdir()
    password = secrets.token_urlsafe(18)
    _write_old_certificate(work, password)
    with watch("import a PFX of another CA"):
        to = Scepter(manage)
        wanted = Wanted(work / "old.p12", _USER, Purpose.ENCRYPTION, password)
        order, _ = prepare(wanted, to.key, to.largest, datetime.now(UTC))
        to.send(order)
    console().print(f"[green]imported[/]  {order.subject} for {_USER}, its password sealed to the import key")
    client = PFXClient(host.url, host.caller_secret)
    asked: dict[str, Any] = {"id": f"demo-{secrets.token_hex(8)}", "user": _USER, "device": device}
    with watch("ask for it, until it is delivered"):
        client.order(asked)
        told = client.wait(asked["id"], 60)
    (item,) = client.fetch_document(told)["items"]
    client.acknowledge(told)
    opened = open_sealed("cms", b64decode(item["encryptedPassword"]), device_key).decode()
    if opened != password or b64decode(item["pfx"]) != (work / "old.p12").read_bytes():
        raise PKCSFailed("what was delivered is not what was imported")
    console().print(f"[green]delivered[/] the same file to {device}, its password sealed to the device's key")
    _read_old_mail(work, opened)


def _write_old_certificate(work: Path, password: str) -> None:
    """`old.p12` and `old.pem`: expired, and still needed for mail of its time."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ann, formerly")]), datetime.now(UTC)
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example's former mail CA")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=800))
        .not_valid_after(now - timedelta(days=70))
        .add_extension(x509.KeyUsage(key_encipherment=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(_USER)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (work / "old.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    encryption = BestAvailableEncryption(password.encode())
    (work / "old.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"old mail", key, certificate, None, encryption)
    )


def _read_old_mail(work: Path, password: str) -> None:
    if shutil.which("openssl") is None:
        console().print("old mail: not tried, no openssl on this machine")
        return
    (work / "password").write_text(password)
    (work / "text").write_bytes(_TEXT)
    openssl(work, "cms", "-encrypt", "-binary", "-aes-256-cbc", "-in", "text", "-out", "sealed", "old.pem")
    opening = ("-passin", "file:password", "-noenc", "-nocerts", "-out", "old.key")
    openssl(work, "pkcs12", "-in", "old.p12", *opening)
    recipient = ("-recip", "old.pem", "-inkey", "old.key")
    if openssl(work, "cms", "-decrypt", "-binary", *recipient, "-in", "sealed") != _TEXT:
        raise PKCSFailed("openssl cms -decrypt gives another text")
    console().print("[green]old mail[/]  decrypted by openssl cms with what was delivered")
