"""What a machine needs before the first run: settings with fresh secrets, profiles, and a CA. Idempotent.

`python manage.py init` makes what is missing and prints what to try; `make run` calls it before the host.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography.fernet import Fernet

from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.policy.problems import PolicyFileError
from shared.policy.profiles import Profiles

ROOT = Path(__file__).resolve().parent.parent
_GENERATED = "<generated on the first run>"
_TRY = """Once it serves, in another terminal:
  curl "{url}/scep/device?operation=GetCACaps"
  .venv/bin/python manage.py scep enrol {url}/scep/device --subject "CN=laptop-1,O=Example" \\
    --challenge "$(.venv/bin/python manage.py challenge mint device --subject "CN=laptop-1,O=Example" \\
    --device laptop-1)"
"""


def init(
    settings: Annotated[Path, typer.Option(help="The settings file.")] = Path("local.settings.json"),
    port: Annotated[int | None, typer.Option(help="Port of the host, for settings made now.")] = None,
) -> None:
    """Make what is missing, and refuse a wrong policy file before anything starts."""
    for line in prepare(settings, port=port):
        typer.echo(f"made {line}")
    values = read_values(settings)
    try:
        Profiles.load(settings.parent / values["SCEPTER_PROFILES_FILE"])
    except PolicyFileError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(_TRY.format(url=values["SCEPTER_PUBLIC_URL"]))


def prepare(settings: Path, *, port: int | None = None, plan: CAPlan | None = None) -> list[str]:
    """Make what is missing beside `settings` and return a line for each thing made. What exists stays as it is."""
    made = []
    if not settings.exists():
        write_settings(settings, _own_folder(settings) | _own_port(port))
        made.append(f"settings with fresh secrets: {settings}")
    values = read_values(settings)
    profiles = settings.parent / values["SCEPTER_PROFILES_FILE"]
    if not profiles.exists():
        shutil.copyfile(ROOT / "profiles.sample.toml", profiles)
        made.append(f"certificate profiles: {profiles}")
    folder = CAFolder(settings.parent / values["SCEPTER_CA_FOLDER"], values["SCEPTER_CA_KEY_PASSWORD"])
    if not values.get("SCEPTER_VAULT_URL") and not folder.exists():
        create(folder, plan or CAPlan(), base_url=values["SCEPTER_PUBLIC_URL"], now=datetime.now(UTC))
        made.append(f"root CA, issuing CA and SCEP RA: {folder.path}")
    return made


def read_values(settings: Path) -> dict[str, str]:
    """The "Values" of a settings file."""
    values: dict[str, str] = json.loads(settings.read_text(encoding="utf-8"))["Values"]
    return values


def write_settings(path: Path, replaced: Mapping[str, str]) -> None:
    """local.settings.json from the sample, mode 0600, with its own secrets and `replaced` values."""
    document = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
    values = document["Values"]
    for name, value in values.items():
        if value == _GENERATED:
            values[name] = Fernet.generate_key().decode() if "KEYS" in name else secrets.token_urlsafe(32)
    values.update(replaced)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")


def _own_folder(settings: Path) -> dict[str, str]:
    """Settings outside the app's folder keep their profiles and CA beside them; the app runs in its own folder."""
    folder = settings.resolve().parent
    if folder == ROOT:
        return {}
    return {"SCEPTER_PROFILES_FILE": str(folder / "profiles.toml"), "SCEPTER_CA_FOLDER": str(folder / "ca")}


def _own_port(port: int | None) -> dict[str, str]:
    return {} if port is None else {"SCEPTER_PUBLIC_URL": f"http://127.0.0.1:{port}"}
