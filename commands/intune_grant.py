"""`manage.py intune grant`: the app roles that Scepter's identity needs, assigned, or as a script."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from commands.intune_session import integration_of, tenant_of
from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console, show
from shared.intune.directory.objects import PermissionMissing
from shared.intune.setup.administrator import as_administrator
from shared.intune.setup.grant import grant as grant_roles
from shared.intune.setup.grant import script as script_of
from shared.intune.setup.roles import NEEDS, Need, roles_for


def grant(
    identity: Annotated[str, typer.Option(help="Object id or client id of the identity that asks Intune.")],
    integration: Annotated[str, typer.Option(help="Which tenant, by its name in the settings.")] = "default",
    needs: Annotated[
        list[str] | None,
        typer.Option("--for", help=f"What for: {', '.join(NEEDS)}; else what the settings say."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be assigned.")] = False,
    script: Annotated[bool, typer.Option("--script", help="Print a script for somebody who may.")] = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Assign Intune's and Graph's app roles to the app's identity, as who is signed in here (`az login`)."""
    found = integration_of(Management(url, settings), integration)
    wanted = needs or found["needs"]
    unknown = sorted(set(wanted) - set(NEEDS))
    if unknown:
        raise typer.BadParameter(f"--for is one of {', '.join(NEEDS)}")
    roles = roles_for([cast("Need", need) for need in wanted], found["app_id"])
    text = script_of(identity, roles, found["graph_url"])
    if script:
        typer.echo(text, nl=False)
        return
    try:
        with as_administrator(tenant_of(found)) as wire:
            done = grant_roles(wire, identity, roles, dry_run=dry_run)
    except PermissionMissing as error:
        console(stderr=True).print(
            f"[bold red]not assigned:[/] {error.reason}", highlight=False, soft_wrap=True
        )
        typer.echo("Whoever may can run this:\n", err=True)
        typer.echo(text, nl=False)
        raise typer.Exit(1) from None
    rows = [
        {"role": each.role.value, "for": NEEDS[each.role.need], "state": each.state, "id": each.id}
        for each in done
    ]
    show(rows, ("role", "for", "state", "id"), as_json=json, title=f"App roles of {identity}")
    if any(each.state == "not defined in this tenant" for each in done):
        raise typer.Exit(1)
