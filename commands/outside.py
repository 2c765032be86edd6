"""`manage.py ca check` and `ca orphans`: CAs of others that profiles name (docs/outside-ca.md)."""

from __future__ import annotations

from typing import Annotated

import typer

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

_COLUMNS = ("id", "CA", "sent at", "subject", "owner", "serial", "on record", "problem")


def check(
    name: Annotated[str, typer.Argument(help="The outside CA, as profiles name it.")],
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; a certificate is issued.")] = False,
) -> None:
    """Have the app ask an outside CA for one certificate, and say what the CA keeps of such a request. Exit code 1 if
    enrolments would fail."""
    if not yes:
        typer.confirm(f"CA {name} will issue a certificate to nobody, which may cost. Go on?", abort=True)
    report = Management(url, settings, timeout=90).call("POST", f"/manage/cas/{name}/check")
    if json:
        console().print_json(data=report)
    else:
        table = table_of(("", "checked", "found"), f"CA {name}")
        for each in report["outcomes"]:
            table.add_row("[green]ok[/]" if each["ok"] else "[bold red]no[/]", each["subject"], each["text"])
        console().print(table)
    if not report["ok"]:
        raise typer.Exit(1)


def orphans(
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Those of the last five minutes too, which may be at work still.")
    ] = False,
    dismiss: Annotated[
        str, typer.Option(help="Id of one that was looked for at its CA, and goes off the list.")
    ] = "",
) -> None:
    """Requests to outside CAs of which nobody here has a certificate: look for them there, and revoke them there."""
    management = Management(url, settings)
    if dismiss:
        found = management.call("POST", "/manage/orphans/dismiss", {"id": dismiss})
        console().print(f"dismissed: {found['subject']}, sent {found['sentAt']}")
        return
    listed = management.call("GET", "/manage/orphans", all=str(everything).lower())["orphans"]
    rows = [
        {"CA": each["ca"], "sent at": each["sentAt"], "on record": each["onRecord"], **each}
        for each in listed
    ]
    show(rows, _COLUMNS, as_json=json, title="Requests without a known end")
