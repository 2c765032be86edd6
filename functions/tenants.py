"""`/manage/intune/...`: what a tenant needs, whether it has it, what is installed there; and the timer that asks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, get_args

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.errors import UnknownCertificate
from shared.record.remedies import advice
from shared.store.directory import Kind, Note
from shared.wiring import application

blueprint = func.Blueprint()

Platform = Literal["windows", "ios", "macos", "android"]
_PLATFORMS: tuple[Platform, ...] = get_args(Platform)


class DraftOrder(Body):
    """Which profile, for which platforms, and what only the administrator knows."""

    profile: str = Field(max_length=64)
    platforms: tuple[Platform, ...] = _PLATFORMS
    prefix: str = Field(default="Scepter", min_length=1, max_length=40)
    ssid: str = Field(default="", max_length=32)
    servers: tuple[str, ...] = Field(default=(), max_length=20)
    vpn: str = Field(default="", max_length=200)
    mail: str = Field(default="", max_length=200)
    pkcs_authority: str = Field(default="", max_length=200, alias="pkcsAuthority")
    pkcs_template: str = Field(default="", max_length=200, alias="pkcsTemplate")


class Acceptance(Body):
    """Whose listing is right although it has shrunk."""

    integration: str = Field(max_length=64)
    kind: Kind


@blueprint.function_name("draft_intune_profiles")
@blueprint.route("manage/intune/profiles", methods=["POST"])
def draft_intune_profiles(req: func.HttpRequest) -> func.HttpResponse:
    """POST a DraftOrder; the configuration profiles that Intune needs for it, in their order. Nothing is changed."""
    return answer(lambda: _draft(req))


@blueprint.function_name("show_integration")
@blueprint.route("manage/intune/{integration}", methods=["GET"])
def show_integration(req: func.HttpRequest) -> func.HttpResponse:
    """Where a tenant is, and what app roles are needed for; nothing secret."""
    return answer(lambda: _show(req))


@blueprint.function_name("check_integration")
@blueprint.route("manage/intune/{integration}/check", methods=["POST"])
def check_integration(req: func.HttpRequest) -> func.HttpResponse:
    """Look whether a tenant is set up: each line with what would change it. Takes seconds."""
    return answer(lambda: _check(req))


@blueprint.function_name("installations")
@blueprint.route("manage/intune/{integration}/installations", methods=["GET", "POST"])
def installations(req: func.HttpRequest) -> func.HttpResponse:
    """What was issued and is not installed, as the last look found; POST looks first."""
    return answer(lambda: _installations(req))


@blueprint.function_name("accept_shrinkage")
@blueprint.route("manage/intune/directory/acceptance", methods=["POST"])
def accept_shrinkage(req: func.HttpRequest) -> func.HttpResponse:
    """POST an Acceptance: the next look believes the listing; how many are gone."""
    return answer(lambda: _accept(req))


@blueprint.function_name("look_at_installations")
@blueprint.timer_trigger(arg_name="timer", schedule="40 22 */4 * * *", run_on_startup=False)
def look_at_installations(timer: func.TimerRequest) -> None:
    """Every four hours: ask Intune which certificates are on their devices."""
    application().look_at_installations()


def _draft(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    from shared.intune.setup.draft import as_json

    order = read(req, DraftOrder)
    drafts = application().intune_drafts(**order.model_dump())
    return document(200, {"profiles": [as_json(draft) for draft in drafts]})


def _show(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app, name = application(), _name(req)
    public = {"tenant", "authority", "graph_url", "graph_version", "graph_scope", "app_id", "scope"}
    values = app.integration(name).model_dump(include=public)
    return document(200, {"name": name, **values, "needs": app.needs(name)})


def _check(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    lines = [asdict(line) for line in application().check_integration(_name(req))]
    for line in lines:
        error = line.pop("error")
        line["remedy"] = line["remedy"] or (
            "" if line["ok"] else advice(error, line["text"]) or "see the log"
        )
    return document(200, {"ok": all(line["ok"] for line in lines), "lines": lines})


def _installations(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app, name = application(), _name(req)
    if req.method == "POST":
        app.look_at_installations()
    return document(200, _noted(app.installations(name)))


def _noted(note: Note | None) -> dict[str, object]:
    if note is None:
        text = "not looked at yet: SCEPTER_INTUNE__<NAME>__INSTALLATIONS, or the timer look_at_installations"
        raise UnknownCertificate(text, public=f"It was {text}.")
    return {"at": note.at.isoformat(), **note.content}


def _accept(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    order = read(req, Acceptance)
    return document(200, {"gone": application().accept_shrinkage(order.integration, order.kind)})


def _name(req: func.HttpRequest) -> str:
    return str(req.route_params["integration"]).lower()
