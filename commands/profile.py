"""`manage.py profile`: check the policy file before it is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from commands.session import Json, console, show
from shared.policy.profiles import Profiles

cli = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The policy file.")]
DEFAULT_FILE = Path("profiles.toml")


@cli.command()
def check(
    file: File = DEFAULT_FILE,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> None:
    """Refuse a wrong file with line and reason, and warn of what is allowed but rarely meant."""
    profiles = Profiles.load(file)
    warnings = profiles.warnings()
    for warning in warnings:
        console().print(f"[yellow]warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    console().print(f"{file}: {len(profiles.profiles)} profiles, {len(warnings)} warnings")
    if strict and warnings:
        raise typer.Exit(1)


@cli.command("list")
def list_profiles(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """The profiles in the file."""
    rows = [
        {
            "name": profile.name,
            "title": profile.title,
            "holder": profile.holder,
            "challenge": profile.challenge,
            "days": profile.validity,
        }
        for profile in Profiles.load(file).profiles.values()
    ]
    show(rows, ("name", "title", "holder", "challenge", "days"), as_json=json, title=str(file))
