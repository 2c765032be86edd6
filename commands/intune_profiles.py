"""`manage.py intune profiles`: the configuration profiles that Intune needs for one of ours, shown or made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from commands.intune_session import integration_of, tenant_of
from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    show,
    table_of,
)
from shared.intune.setup.administrator import as_administrator
from shared.intune.setup.apply import apply as make
from shared.intune.setup.draft import PLATFORM_NAMES, PLATFORMS, Draft, from_json

_BETA = "https://graph.microsoft.com/beta"


def profiles(
    profile: Annotated[str, typer.Argument(help="The profile of Scepter's policy file.")],
    platform: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(PLATFORMS)}; may be given again; else all.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="What the names in Intune begin with.")] = "Scepter",
    ssid: Annotated[str, typer.Option(help="Wi-Fi: the network's name.")] = "",
    server_name: Annotated[
        list[str] | None,
        typer.Option("--server-name", help="Wi-Fi: a name in the RADIUS server's certificate."),
    ] = None,
    vpn_server: Annotated[str, typer.Option(help="VPN: the server.")] = "",
    mail_server: Annotated[str, typer.Option(help="Mail with S/MIME: the server.")] = "",
    pkcs_authority: Annotated[
        str, typer.Option(help=r"PKCS: HOST\CA NAME behind Microsoft's connector.")
    ] = "",
    pkcs_template: Annotated[str, typer.Option(help="PKCS: the template there.")] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Make what is not there, as who is signed in here.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --apply: only say what would be made.")
    ] = False,
    integration: Annotated[str, typer.Option(help="With --apply: which tenant.")] = "default",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Trusted certificates, SCEP, PKCS, imported PFX, Wi-Fi, VPN and mail, in the order of their assignment.

    --json gives what Graph takes; --apply makes them, and leaves alone what is there."""
    order = {
        "profile": profile,
        "platforms": platform or list(PLATFORMS),
        "prefix": prefix,
        "ssid": ssid,
        "servers": server_name or [],
        "vpn": vpn_server,
        "mail": mail_server,
        "pkcsAuthority": pkcs_authority,
        "pkcsTemplate": pkcs_template,
    }
    management = Management(url, settings)
    answer = management.call("POST", "/manage/intune/profiles", order)
    drafts = [from_json(each) for each in answer["profiles"]]
    if apply:
        _apply(management, integration, drafts, dry_run=dry_run, json=json)
    elif json:
        console().print_json(data=[_document(draft, drafts) for draft in drafts])
    else:
        for draft in drafts:
            _print(draft)
        _line("Assign them in the order of their steps, all to the same groups: each needs those before it.")


def _apply(
    management: Management, integration: str, drafts: Sequence[Draft], *, dry_run: bool, json: bool
) -> None:
    with as_administrator(tenant_of(integration_of(management, integration))) as wire:
        done = make(wire, drafts, dry_run=dry_run)
    rows = [
        {"name": each.draft.name, "outcome": each.outcome, "id": each.id, "text": each.text} for each in done
    ]
    show(rows, ("name", "outcome", "id", "text"), as_json=json, title=f"{len(done)} profiles")
    if any(each.outcome == "differs" for each in done):
        raise typer.Exit(1)


def _document(draft: Draft, drafts: Sequence[Draft]) -> dict[str, Any]:
    ids = {each.key: f"<id of {each.name}>" for each in drafts}
    return draft.document(ids, _BETA)


def _print(draft: Draft) -> None:
    title = f"{draft.step}. {PLATFORM_NAMES[draft.platform]}: {draft.kind}"
    table = table_of(("setting", draft.name), title)
    for setting, value in draft.rows:
        table.add_row(escape(setting), escape(value))
    console().print(table)
    if draft.missing:
        _line(f"  [yellow]cannot be made without[/] {' and '.join(draft.missing)}")
    if draft.note:
        _line(f"  [yellow]note:[/] {escape(draft.note)}")


def _line(text: str) -> None:
    console().print(text, highlight=False, soft_wrap=True)
