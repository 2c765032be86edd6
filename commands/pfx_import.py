"""`manage.py pfx import`: one PFX of a user, to Scepter or to Intune."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.pfx_destination import Connector, Destination, Intune, Scepter
from commands.pfx_parcel import Wanted, prepare
from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, console
from shared.errors import PolicyViolation
from shared.store.parcels import Purpose

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

GRAPH_URL = "https://graph.microsoft.com"

Password = Annotated[
    str | None,
    typer.Option(
        "--password",
        envvar="PFX_PASSWORD",
        show_default=False,
        help="Of the PFX. Better in the environment, or asked for: a command line can be seen by others.",
    ),
]
Mail = Annotated[str, typer.Option(help="The mail address in the certificate, if not the user's name.")]
Utf8 = Annotated[bool, typer.Option("--utf8-password", help="Take a password beyond ASCII, as UTF-8.")]
Graph = Annotated[bool, typer.Option("--graph", help="Into Intune, for a Microsoft connector to deliver.")]
ConnectorKey = Annotated[
    Path | None,
    typer.Option(
        "--connector-key",
        exists=True,
        dir_okay=False,
        help="The connector's public key, PEM or RSAPUBLICBLOB.",
    ),
]
Provider = Annotated[str, typer.Option(help="The connector's key storage provider.")]
KeyName = Annotated[str, typer.Option("--key-name", help="What the connector calls its key.")]
GraphUrl = Annotated[str, typer.Option("--graph-url", help="Of Graph, in national clouds.")]


def import_one(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The PFX.", exists=True, dir_okay=False, readable=True)
    ],
    user: Annotated[str, typer.Option(help="The user's principal name.")],
    purpose: Annotated[Purpose, typer.Option(help="What the certificate is for.")],
    password: Password = None,
    mail: Mail = "",
    thumbprint: Annotated[str, typer.Option(help="The thumbprint it has to have (SHA-1).")] = "",
    utf8_password: Utf8 = False,
    graph: Graph = False,
    connector_key: ConnectorKey = None,
    provider: Provider = "",
    key_name: KeyName = "",
    graph_url: GraphUrl = GRAPH_URL,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Check a PFX here, seal its password to the import key, and hand both over. The PFX itself stays as it is."""
    connector = Connector(connector_key, provider, key_name)
    to = destination(connector, graph_url, Management(url, settings), graph=graph, utf8=utf8_password)
    asked = password if password is not None else typer.prompt("Password of the PFX", hide_input=True)
    wanted = Wanted(file, user, purpose, asked, mail, thumbprint, utf8_password)
    order, warnings = prepare(wanted, to.key, to.largest, datetime.now(UTC))
    repeated = to.send(order)
    for warning in warnings:
        console(stderr=True).print(f"[yellow]warning:[/] {warning}", highlight=False)
    told = {"user": order.user, "thumbprint": order.thumbprint, "purpose": order.purpose.value}
    if json:
        console().print_json(data=told | {"repeated": repeated, "warnings": warnings})
        return
    said = "was there already" if repeated else "imported"
    console().print(f"{order.thumbprint} of {order.user}: {said}", highlight=False)


def destination(
    connector: Connector, graph_url: str, manage: Management, *, graph: bool, utf8: bool
) -> Destination:
    """Where it goes. Raises PolicyViolation for a connector without --graph, and the other way round."""
    if not graph:
        if connector.file or connector.provider or connector.key_name:
            raise PolicyViolation("--connector-key, --provider and --key-name belong to --graph")
        return Scepter(manage)
    key = connector.key()
    if utf8:
        raise PolicyViolation("--utf8-password is not for --graph: Intune's devices get what is ASCII only")
    from shared.intune.user_pfx import UserPFXCertificates

    return Intune(UserPFXCertificates(credential(), graph_url), key, connector.provider)


def credential() -> TokenCredential:
    """As whom Graph is asked: what azure-identity finds, such as `az login`."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential(exclude_interactive_browser_credential=False)
