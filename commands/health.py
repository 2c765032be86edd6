"""`manage.py health`: how it all is, and what to do about it."""

from __future__ import annotations

import typer

from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    table_of,
)

_COLOURS = {"ok": "green", "warning": "yellow", "critical": "bold red"}


def health(url: Url = DEFAULT_URL, settings: SettingsFile = DEFAULT_SETTINGS, json: Json = False) -> None:
    """Queues, the brake, the CRL, the CA: each finding with its remedy. Exit code 1 if one is critical."""
    report = Management(url, settings).call("GET", "/manage/health")
    if json:
        console().print_json(data=report)
    else:
        table = table_of(("subject", "", "finding", "what to do"), "Health")
        for finding in report["findings"]:
            level = f"[{_COLOURS[finding['level']]}]{finding['level']}[/]"
            table.add_row(finding["subject"], level, finding["text"], finding["remedy"])
        console().print(table)
    if report["level"] == "critical":
        raise typer.Exit(1)
