"""The demo's part on keys that the app makes: ordered by a caller, opened by the device, used for mail by openssl."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from commands.demo_host import DemoHost
from commands.pkcs_client import OpenedDelivery, PKCSClient
from commands.session import console
from commands.stopwatch import Stopwatch
from shared.errors import RequestError

_PROFILE = "user-pkcs"
_TEXT = b"Dear Bob,\r\n\r\nsee you at noon.\r\n"
_ORDER: dict[str, Any] = {
    "profile": _PROFILE,
    "user": {
        "userPrincipalName": "ann@example.org",
        "givenName": "Ann",
        "surname": "Smith, the first",
        "emailAddress": "ann@example.org",
    },
}


class PKCSFailed(Exception):
    """A step did not do what it shows."""


def show_pkcs(host: DemoHost, device: str, device_key: object, watch: Stopwatch) -> None:
    """Order a key for a user of `device`, which has a live certificate for `device_key`. Raises PKCSFailed."""
    client = PKCSClient(host.url, host.caller_secret)
    order = {**_ORDER, "id": f"demo-{secrets.token_hex(8)}", "device": {"id": device}}
    with watch("order a key, until it is delivered"):
        client.order(order)
        told = client.wait(order["id"], 60)
    with watch("fetch and open the delivery"):
        opened = client.fetch(told, device_key)
    console().print(
        f"[green]delivered[/] {opened.certificate.subject.text()}, key made by the app, opened by {device}"
    )
    _use(host.folder, opened)
    client.acknowledge(told)
    try:
        client.fetch(told, device_key)
    except RequestError:
        console().print("[green]acknowledged[/]: the delivery is gone")
    else:
        raise PKCSFailed("an acknowledged delivery was given out again")


def _use(folder: Path, opened: OpenedDelivery) -> None:
    """Sign and encrypt a mail with what was delivered, by OpenSSL alone."""
    if shutil.which("openssl") is None:
        console().print("mail: not tried, no openssl on this machine")
        return
    work = folder / "mail"
    work.mkdir()
    opened.write(work / "ann.p12")
    password = ("-passin", "file:ann.p12.password")
    openssl(work, "pkcs12", "-in", "ann.p12", *password, "-noenc", "-nocerts", "-out", "ann.key")
    openssl(work, "pkcs12", "-in", "ann.p12", *password, "-clcerts", "-nokeys", "-out", "ann.pem")
    signer = ("-signer", "ann.pem", "-inkey", "ann.key", "-certfile", str(folder / "ca" / "issuing.pem"))
    (work / "text").write_bytes(_TEXT)
    openssl(work, "cms", "-sign", "-nodetach", "-binary", *signer, "-in", "text", "-out", "signed")
    trust = ("-CAfile", str(folder / "ca" / "root.pem"), "-purpose", "smimesign")
    if openssl(work, "cms", "-verify", "-binary", *trust, "-in", "signed") != _TEXT:
        raise PKCSFailed("openssl cms -verify gives another text")
    openssl(work, "cms", "-encrypt", "-binary", "-aes-256-cbc", "-in", "text", "-out", "sealed", "ann.pem")
    recipient = ("-recip", "ann.pem", "-inkey", "ann.key")
    if openssl(work, "cms", "-decrypt", "-binary", *recipient, "-in", "sealed") != _TEXT:
        raise PKCSFailed("openssl cms -decrypt gives another text")
    console().print("[green]mail[/]      signed, verified, encrypted and decrypted by openssl cms")


def openssl(folder: Path, *arguments: str) -> bytes:
    """What it prints. Raises PKCSFailed."""
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode:
        raise PKCSFailed(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout
