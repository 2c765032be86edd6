"""`POST /manage/certificates` as the trigger is called: status, body, and who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions import direct
from shared import config, wiring
from shared.asn1.pem import from_pem, pem
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.revocation.service import Records
from shared.store.memory import MemoryStore
from shared.wiring import Application
from shared.x509.certificate import Certificate, verify_signature
from tests.ca.test_direct import POLICY, csr

KEY = "the-management-key-of-the-tests"


class MemoryApplication(Application):
    """The product's own composition with its records in memory."""

    @cached_property
    def records(self) -> Records:
        return MemoryStore()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("app")
    plan = CAPlan("Example", root_key="p-256", issuing_key="p-256")
    create(CAFolder(path / "ca"), plan, base_url="http://pki.example.org", now=datetime.now(UTC))
    (path / "profiles.toml").write_text(POLICY, "utf-8")
    return path


@pytest.fixture
def app(folder: Path) -> Iterator[Application]:
    environment = {
        "SCEPTER_PUBLIC_URL": "http://pki.example.org",
        "SCEPTER_PROFILES_FILE": str(folder / "profiles.toml"),
        "SCEPTER_CA_FOLDER": str(folder / "ca"),
        "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
        "SCEPTER_MANAGEMENT_KEY": KEY,
    }
    application = MemoryApplication(config.load(environment), environment)
    wiring.use(application)
    yield application
    wiring.use(None)
    application.close()


def post(body: object, key: str = KEY) -> func.HttpResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-scepter-key": key}
    request = func.HttpRequest(
        "POST", "http://pki.example.org/manage/certificates", headers=headers, body=content
    )
    builder: Any = direct.issue_certificate
    answer: func.HttpResponse = builder.build().get_user_function()(request)
    return answer


def order(**more: object) -> dict[str, object]:
    return {"profile": "web-server", "csr": pem("CERTIFICATE REQUEST", csr()).decode(), **more}


def test_it_answers_with_certificate_and_chain_in_pem(app: Application) -> None:
    created = post(order(device="web-1"))
    assert (created.status_code, created.mimetype) == (201, "application/json")
    assert created.headers["cache-control"] == "no-store"
    body = json.loads(created.get_body())
    leaf, issuing = (
        Certificate.from_der(from_pem(body[name].encode())[0][1]) for name in ("certificate", "chain")
    )
    verify_signature(leaf, issuing.public_key)
    assert issuing == app.issuer.certificate
    assert len(from_pem(body["chain"].encode())) == 1  # all but the root
    assert body["serial"] == leaf.serial_hex
    assert (body["vouchedBy"], body["repeated"]) == ("administrator:local administrator", False)


def test_a_repeat_is_200_with_the_same_certificate(app: Application) -> None:
    again = order()
    first, second = post(again), post(again)
    assert (first.status_code, second.status_code) == (201, 200)
    assert json.loads(first.get_body())["certificate"] == json.loads(second.get_body())["certificate"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "The order: body"),
        (b" " * 200_000, 400, "too large"),
        (order(csr="MAA="), 400, "The order: "),
        (order(profile="none"), 403, "web-server, user"),
        (order(validity_days=400), 403, "at most 90"),
    ],
)
@pytest.mark.usefixtures("app")
def test_what_is_wrong_is_told(body: object, status: int, words: str) -> None:
    answer = post(body)
    assert answer.status_code == status
    assert words in answer.get_body().decode()


@pytest.mark.usefixtures("app")
def test_only_an_administrator_may() -> None:
    assert post(order(), key="another").status_code == 403
