"""The command groups under one program, and errors told in one way."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from commands import (
    backup,
    ca,
    cert,
    challenge,
    crl,
    demo,
    event,
    first_run,
    health,
    intune,
    pfx,
    pkcs,
    profile,
    queue,
    request,
    revocation,
    scep,
    trace,
    upgrade,
)
from commands.session import console
from shared.config import SettingsError
from shared.errors import PKIError
from shared.policy.problems import PolicyFileError

cli = typer.Typer(
    name="manage.py",
    help="Scepter's administrator commands.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli.add_typer(ca.cli, name="ca", help="The CAs: ceremonies, rollover, and what there is.")
cli.add_typer(profile.cli, name="profile", help="Certificate profiles: check and show.")
cli.add_typer(challenge.cli, name="challenge", help="Challenges: mint one, make a sealing key.")
cli.add_typer(cert.cli, name="cert", help="Certificates: issue, list, show, revoke.")
cli.add_typer(request.cli, name="request", help="Enrolments that wait for approval: list, approve, deny.")
cli.add_typer(pkcs.cli, name="pkcs", help="Keys that are made by the app: order, follow, fetch and open.")
cli.add_typer(event.cli, name="event", help="Device events: list, preview, send.")
cli.add_typer(revocation.cli, name="revocation", help="What the brake holds back, and undoing holds.")
cli.add_typer(queue.cli, name="queue", help="Messages that could not be handled: look, redrive.")
cli.add_typer(intune.cli, name="intune", help="Microsoft Intune: set a tenant up, check it, look after it.")
cli.add_typer(crl.cli, name="crl", help="The certificate revocation lists: publish, show, reconcile.")
cli.add_typer(pfx.cli, name="pfx", help="PFX files made elsewhere: import, list, delete, rekey.")
cli.add_typer(scep.cli, name="scep", help="A SCEP client, for trying a server out.")
cli.command("backup", help="All that is on record, to a folder.")(backup.backup)
cli.command("restore", help="A backup, to storage.")(backup.restore)
cli.command("upgrade", help="Rows and messages of a former schema version, to this one's.")(upgrade.upgrade)
cli.command("health", help="How it all is, and what to do about it.")(health.health)
cli.command("trace", help="What happened to a transaction, step by step.")(trace.trace)
cli.command("init", help="What this machine needs before the first run: settings, profiles, a CA.")(
    first_run.init
)
cli.command("demo", help="The main job end to end on this machine.")(demo.demo)


def main() -> None:
    """Run; an error of ours is one clear line and exit code 1, never a traceback."""
    try:
        cli()
    except (PKIError, SettingsError, PolicyFileError) as error:
        text = escape(str(error))  # it may hold a pattern such as [a-z], which is no markup
        console(stderr=True).print(f"[bold red]error:[/] {text}", highlight=False, soft_wrap=True)
        sys.exit(1)
