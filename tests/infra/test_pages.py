"""docs/deployment.md and docs/sizing.md say what is so: each command exists, each sum is worked out again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from commands.cli import cli
from functions.authorisation import ADMINISTRATOR
from tests.infra.test_bicep import FILES, PARAMETERS, ROOT, bindings_of_the_code

DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SIZING = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
PROGRAMS = {"az", "azd", "cp", "python", "export", "docker", "kubectl"}
VARIABLES = set(re.findall(r"\$\{([A-Z_]+)", json.dumps(PARAMETERS)))


def commands(page: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def faults(line: str) -> Iterator[str]:
    """What is wrong with a command."""
    words = shlex.split(re.sub(r"\$\([^)]*\)", "x", line))
    if words[0] not in PROGRAMS:
        yield f"{words[0]} is not explained"
    if words[:2] == ["python", "manage.py"]:
        yield from _of_ours(words[2:])
    if words[:3] == ["azd", "env", "set"] and words[3] not in VARIABLES:
        yield f"{words[3]} is in no parameter"
    if words[0] == "cp":
        yield from (f"{name} is not there" for name in words[1:-1] if not (ROOT / name).exists())
    for name in re.findall(r"(?:@|--file |--filename )(\S+/\S+)", line):
        if not (ROOT / name).is_file():
            yield f"{name} is not there"


def _of_ours(words: list[str]) -> Iterator[str]:
    command: Any = typer.main.get_command(cli)
    while hasattr(command, "commands"):
        name, *words = words
        command = command.get_command(None, name)
        if command is None:
            yield f"no command {name}"
            return
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    yield from (f"no option {word}" for word in words if word.startswith("--") and word not in known)
    required = [param.opts for param in command.params if param.required and param.opts[0].startswith("--")]
    yield from (f"{options[0]} is missing" for options in required if not set(options) & set(words))


def test_every_command_of_the_page_is_one() -> None:
    lines = commands(DEPLOYMENT)
    assert len(lines) > 20
    assert {line: list(faults(line)) for line in lines if list(faults(line))} == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("python manage.py crl publishes", "no command publishes"),
        ("python manage.py scep enrol http://x --subject CN=x --chalenge y", "no option --chalenge"),
        ("python manage.py challenge mint device", "--subject is missing"),
        ("azd env set CALLER portal", "CALLER is in no parameter"),
        ("cp profiles.simple.toml profiles.toml", "profiles.simple.toml is not there"),
        ("az ad app create --app-roles @infra/entra/roles.json", "infra/entra/roles.json is not there"),
        ("docker build --file infra/Dockerfile .", "infra/Dockerfile is not there"),
        ("terraform apply", "terraform is not explained"),
    ],
)
def test_a_wrong_command_is_found(line: str, fault: str) -> None:
    assert list(faults(line)) == [fault]


def test_what_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(?:\")?([a-z]+[A-Z][A-Za-z]+)(?:\": \{[^`]*)?`", DEPLOYMENT + SIZING))
    known = set(FILES["main.bicep"].declared("parameter_declaration")) | {"perInstanceConcurrency"}
    assert named
    assert named <= known
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", DEPLOYMENT)) <= VARIABLES | {"SCEPTER_MANAGEMENT_KEY"}


def test_the_role_is_the_one_that_the_code_asks_for() -> None:
    (role,) = json.loads((ROOT / "infra" / "entra" / "app-roles.json").read_text(encoding="utf-8"))
    assert role["value"] == ADMINISTRATOR
    api = json.loads((ROOT / "infra" / "entra" / "api.json").read_text(encoding="utf-8"))["api"]
    (scope,) = api["oauth2PermissionScopes"]
    assert api["preAuthorizedApplications"][0]["delegatedPermissionIds"] == [scope["id"]]


def inputs() -> dict[str, float]:
    section = SIZING.partition("## Inputs")[2].partition("## Worked out")[0]
    return {
        name: float(value)
        for name, value in re.findall(r"^\| ([^|]+) \| ([0-9.]+) \|", section, re.MULTILINE)
    }


def runs_a_year(schedule: str) -> int:
    """Of a timer: six fields, seconds first."""
    second, minute, hour, *days = schedule.split()
    assert second.isdecimal()
    assert days == ["*"] * 3
    return _moments(minute, 60) * _moments(hour, 24) * 365


def _moments(field: str, whole: int) -> int:
    if field.startswith("*"):
        return whole // int(field.removeprefix("*").removeprefix("/") or 1)
    return len(field.split(","))


def test_the_timers_are_those_of_the_code() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "functions").glob("*.py")]
    schedules = [each for source in sources for each in re.findall(r'schedule="([^"]*)"', source)]
    assert len(schedules) > 10
    assert inputs()["executions of timers per year"] == sum(map(runs_a_year, schedules))
    queues = {queue for _, queue in bindings_of_the_code()}
    assert inputs()["queue requests per second of a running instance"] == len(queues) / 2


def year(certificates: int, given: dict[str, float]) -> dict[str, float]:
    """What a year costs."""
    checks = certificates * given["status checks per certificate and year"]
    executions = certificates * given["executions per certificate"] + checks
    executions += given["executions of timers per year"]
    seconds = executions * given["seconds of an instance per execution"] * given["GB of an instance"]
    requests = certificates * given["storage requests per certificate"]
    requests += checks * given["storage requests per status check"]
    requests += given["executions of timers per year"] * given["storage requests per run of a timer"]
    found = {
        "compute": max(0, seconds - given["free GB-seconds a year"]) * given["price of a GB-second"],
        "executions": max(0, executions - given["free executions a year"])
        / 1e6
        * given["price of a million executions"],
        "storage requests": requests / 10_000 * given["price of 10,000 storage requests"],
        "queue requests": min(executions * given["seconds of an instance per execution"], 365 * 86_400)
        * given["queue requests per second of a running instance"]
        / 10_000
        * given["price of 10,000 queue requests"],
        "storage": certificates
        * given["KB stored per certificate"]
        / 1e6
        * given["price of a GB stored for a year"],
        "vault": certificates / 10_000 * given["price of 10,000 signatures"]
        + 2 * given["price of an HSM key for a year"],
        "alerts": given["price of alerts for a year"],
        "logs": executions / 1000 * given["GB of logs per 1,000 executions"] * given["price of a GB of logs"],
    }
    return found | {"**all**": sum(found.values())}


@pytest.mark.parametrize(("column", "certificates"), [(0, 1_000), (1, 1_000_000)])
def test_a_year_is_worked_out_from_the_inputs(column: int, certificates: int) -> None:
    section = SIZING.partition("## Worked out")[2].partition("Compute is")[0]
    rows = re.findall(r"^\| ([a-z* ]+) \| ([0-9.]+) \| ([0-9.]+) \|$", section, re.MULTILINE)
    written = {row[0]: row[1 + column] for row in rows}
    assert written == {name: f"{value:.2f}" for name, value in year(certificates, inputs()).items()}


def test_the_options_are_worked_out_from_the_inputs() -> None:
    given, seconds = inputs(), 365 * 86_400
    always = given["GB of an instance"] * seconds * given["price of a GB-second always ready"]
    awake = given["GB of an instance"] * seconds * given["price of a GB-second"]
    assert f"| {always:.2f} |" in SIZING
    assert f"= {awake:,.2f} a year" in SIZING
    assert f"| Front Door | {given['price of Front Door for a year']:.2f} |" in SIZING
    for operations, rate in ((2000, "190"), (500, "47.5"), (250, "23.75")):
        assert f"{operations * 0.95 / 10:g}" == rate
        assert f"| {rate}" in SIZING
    assert f"{1_000_000 / 47.5 / 3600:.1f} hours" in SIZING
