"""`manage.py pkcs`: order a key that the app makes, see how the order stands, fetch it and open it as its device."""

from __future__ import annotations

import json as json_module
import secrets
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from commands.challenge import secret_of
from commands.pkcs_client import PKCSClient, read_key
from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    local_values,
    show,
)

cli = typer.Typer(no_args_is_help=True)

COLUMNS = ("id", "caller", "profile", "state", "device", "user", "delivery", "note")

Caller = Annotated[str, typer.Option(help="As which caller of the policy file.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", help="The device's private key in PEM.", exists=True, dir_okay=False, readable=True
    ),
]
Out = Annotated[Path | None, typer.Option(help="File for the PFX; its password goes beside it.")]
Ack = Annotated[bool, typer.Option("--ack", help="Acknowledge what was opened: it is gone from there.")]
Attribute = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of the user (repeatable).")]
DeviceAttribute = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of the device besides its id (repeatable).")
]


@cli.command()
def request(
    profile: Annotated[str, typer.Argument(help='A profile with challenge = "pkcs".')],
    user: Attribute = None,
    device: Annotated[str, typer.Option(help="The device's id, as SCEP and events name it.")] = "",
    device_attribute: DeviceAttribute = None,
    identifier: Annotated[str, typer.Option("--id", help="The order's id; else one is made up.")] = "",
    serial: Annotated[str, typer.Option(help="Seal to this certificate of the device.")] = "",
    recipient_key: Annotated[
        Path | None, typer.Option(help="Seal to this public key (PEM), where the profile allows it.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="A shorter life than the profile's.")] = None,
    key: KeyFile = None,
    out: Out = None,
    ack: Ack = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for it, with --out.")] = 60,
    caller: Caller = "demo",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Order; with --key and --out also wait for it, fetch it and open it as its device would."""
    order: dict[str, Any] = {"id": identifier or f"by-hand-{secrets.token_hex(8)}", "profile": profile}
    recipient = {"serial": serial} if serial else {}
    if recipient_key is not None:
        recipient = {"key": recipient_key.read_text("ascii", "replace")}
    parts = {
        "user": _attributes(user),
        "device": ({"id": device} if device else {}) | _attributes(device_attribute),
        "recipient": recipient,
        "validityDays": days,
    }
    order |= {name: part for name, part in parts.items() if part}
    client = PKCSClient(url, secret_of(caller, local_values(settings)))
    told = client.order(order)
    if out is not None:
        told = client.wait(order["id"], wait)
    _finish(client, told, key, out, ack=ack, as_json=json)


@cli.command()
def status(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    caller: Caller = "demo",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """How an order stands."""
    client = PKCSClient(url, secret_of(caller, local_values(settings)))
    _tell(client.status(order), as_json=json)


@cli.command()
def fetch(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    key: KeyFile = None,
    out: Out = None,
    ack: Ack = False,
    caller: Caller = "demo",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Fetch a delivery and open it with the device's key."""
    client = PKCSClient(url, secret_of(caller, local_values(settings)))
    if key is None or out is None:
        raise typer.BadParameter("give --key and --out")
    _finish(client, client.status(order), key, out, ack=ack, as_json=json)


@cli.command("list")
def list_orders(
    caller: Annotated[str, typer.Option(help="Of this caller only.")] = "",
    state: Annotated[str, typer.Option(help="accepted, delivered or failed.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """What became of orders; for administrators."""
    query = {"limit": str(limit), "caller": caller, "state": state}
    query = {name: value for name, value in query.items() if value}
    found = Management(url, settings).call("GET", "/manage/orders", **query)["orders"]
    show(found, COLUMNS, as_json=json, title=f"{len(found)} orders")


@cli.command()
def deliveries(
    delivery: Annotated[str, typer.Argument(help="As `pkcs list` shows it.")],
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Every fetch of a delivery and what else happened to it; for administrators."""
    told = Management(url, settings).call("GET", f"/manage/deliveries/{quote(delivery, safe='')}")
    if json:
        console().print_json(data=told)
        return
    there = told["delivery"]
    ends = f"until {there['expiresAt']}" if there and not there["over"] else "over"
    show(told["acts"], ("at", "act", "source"), as_json=False, title=f"{delivery}, {ends}")


def _finish(
    client: PKCSClient, told: dict[str, Any], key: Path | None, out: Path | None, *, ack: bool, as_json: bool
) -> None:
    if out is None:
        _tell(told, as_json=as_json)
        return
    if key is None:
        raise typer.BadParameter("--out needs --key, the private key of the device")
    opened = client.fetch(told, read_key(key))
    beside = opened.write(out)
    if ack:
        client.acknowledge(told)
    if as_json:
        _tell(told | {"pfx": str(out), "password": str(beside)}, as_json=True)
        return
    name = escape(opened.certificate.subject.text())
    console().print(
        f"{name} serial {told['serial']}: {out}, password in {beside}", highlight=False, soft_wrap=True
    )


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        console().print_json(json_module.dumps(told))
        return
    reason = f": {told['reason']}" if told.get("reason") else ""
    console().print(escape(f"order {told['id']} is {told['state']}{reason}"), highlight=False, soft_wrap=True)


def _attributes(given: list[str] | None) -> dict[str, str]:
    pairs = [each.partition("=") for each in given or []]
    wrong = next((name for name, sign, _ in pairs if not sign), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong}: an attribute is written NAME=VALUE")
    return {name: value for name, _, value in pairs}
