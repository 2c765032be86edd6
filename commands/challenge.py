"""`manage.py challenge`: sealing keys, and a challenge for one device by hand."""

from __future__ import annotations

import os
from typing import Annotated

import httpx
import typer
from cryptography.fernet import Fernet

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, SettingsFile, Url, console, local_values
from shared.errors import DependencyError, RequestError

cli = typer.Typer(no_args_is_help=True)


@cli.command("new-key")
def new_key() -> None:
    """A fresh sealing key for SCEPTER_CHALLENGE_KEYS; put it first and keep the former ones for a while."""
    typer.echo(Fernet.generate_key().decode())


@cli.command()
def mint(
    profile: Annotated[str, typer.Argument(help="The profile the challenge is for.")],
    subject: Annotated[str, typer.Option(help='The subject the CSR must have: "CN=dev1,O=Example".')],
    san: Annotated[
        list[str] | None, typer.Option(help="dns:host, email:a@b, upn:a@b, uri:... (repeatable).")
    ] = None,
    device: Annotated[str, typer.Option(help="The device's id.")] = "",
    user: Annotated[str, typer.Option(help="The user's principal name.")] = "",
    caller: Annotated[str, typer.Option(help="As which caller of the policy file.")] = "demo",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Mint a challenge; the secret is SCEPTER_CALLER_SECRETS__<CALLER> from the environment or the settings."""
    order: dict[str, object] = {"profile": profile, "subject": subject, "sans": san or []}
    order |= {name: value for name, value in (("device", device), ("user", user)) if value}
    minted = order_challenge(url, secret_of(caller, local_values(settings)), order)
    if json:
        console().print_json(data=minted)
    else:
        typer.echo(minted["challenge"])


def secret_of(caller: str, values: dict[str, str]) -> str:
    """The caller's secret from the environment or the settings file."""
    name = f"SCEPTER_CALLER_SECRETS__{caller.upper()}"
    secret = os.environ.get(name) or values.get(name, "")
    if not secret:
        raise typer.BadParameter(f"set {name}")
    return secret


def order_challenge(url: str, secret: str, order: dict[str, object]) -> dict[str, str]:
    """`POST /challenges` as the caller that has `secret`. Raises DependencyError, or RequestError with the
    server's own words."""
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        answer = httpx.post(f"{url}/challenges", json=order, headers=headers, timeout=30, trust_env=False)
    except httpx.TransportError as error:
        raise DependencyError(f"{url} does not answer: {error}; is it running? (make run)") from None
    if answer.status_code != 201:
        raise RequestError(f"POST /challenges: {answer.status_code} {answer.text.strip()}")
    minted: dict[str, str] = answer.json()
    return minted
