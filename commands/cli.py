"""The command groups under one program, and errors told in one way.

The module of a command is imported when it is asked for: whoever mints a challenge does not wait for what backups need.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from rich.markup import escape
from typer.core import TyperGroup

from commands.session import console
from shared.errors import PKIError, SettingsError
from shared.policy.problems import PolicyFileError

_PARTS: Final = {
    "ca": ("ca.cli", "The CAs: ceremonies, rollover, and what there is."),
    "profile": ("profile.cli", "Certificate profiles: check and show."),
    "challenge": ("challenge.cli", "Challenges: mint one, make a sealing key."),
    "cert": ("cert.cli", "Certificates: issue, list, show, revoke."),
    "request": ("request.cli", "Enrolments that wait for approval: list, approve, deny."),
    "pkcs": ("pkcs.cli", "Keys that are made by the app: order, follow, fetch and open."),
    "event": ("event.cli", "Device events: list, preview, send."),
    "revocation": ("revocation.cli", "What the brake holds back, and undoing holds."),
    "queue": ("queue.cli", "Messages that could not be handled: look, redrive."),
    "intune": ("intune.cli", "Microsoft Intune: set a tenant up, check it, look after it."),
    "crl": ("crl.cli", "The certificate revocation lists: publish, show, reconcile."),
    "pfx": ("pfx.cli", "PFX files made elsewhere: import, list, delete, rekey."),
    "scep": ("scep.cli", "A SCEP client, for trying a server out."),
    "backup": ("backup.backup", "All that is on record, to a folder."),
    "restore": ("backup.restore", "A backup, to storage."),
    "upgrade": ("upgrade.upgrade", "Rows and messages of a former schema version, to this one's."),
    "health": ("health.health", "How it all is, and what to do about it."),
    "trace": ("trace.trace", "What happened to a transaction, step by step."),
    "init": ("first_run.init", "What this machine needs before the first run: settings, profiles, a CA."),
    "demo": ("demo.demo", "The main job end to end on this machine."),
}
"""By name: module and what in it, and a line of help."""


class _Program(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's context
        return list(_PARTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        return _load(cmd_name) if cmd_name in _PARTS else None


@cache
def _load(name: str) -> Any:  # noqa: ANN401 - click's command
    place, told = _PARTS[name]
    module, _, member = place.partition(".")
    found, program = getattr(import_module(f"commands.{module}"), member), typer.Typer()
    if isinstance(found, typer.Typer):
        program.add_typer(found, name=name, help=told)
    else:
        program.command(name, help=told)(found)
    return typer.main.get_group(program).commands[name]


cli = typer.Typer(
    name="manage.py",
    cls=_Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@cli.callback()
def _program() -> None:
    """Scepter's administrator commands."""


def main() -> None:
    """Run; an error of ours is one clear line and exit code 1, never a traceback."""
    try:
        cli()
    except (PKIError, SettingsError, PolicyFileError) as error:
        text = escape(str(error))  # it may hold a pattern such as [a-z], which is no markup
        console(stderr=True).print(f"[bold red]error:[/] {text}", highlight=False, soft_wrap=True)
        sys.exit(1)
