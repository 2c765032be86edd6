"""GetNextCACert and its keyword in GetCACaps, over a CA in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions import scep
from shared import wiring
from shared.ca.ceremony import CAPlan, create, prepare_successor
from shared.ca.folder import CAFolder
from shared.ca.roster import DEFAULT
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from tests.functions.application import LOCAL, MemoryApplication, call, request
from tests.scep.authority import NOW, URL


class WithFolder(MemoryApplication):
    """The CA as kept in a folder."""

    def __init__(self, folder: CAFolder) -> None:
        super().__init__(LOCAL)
        self.ca_folder, self.ca_homes = folder, {DEFAULT: folder}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[WithFolder]:
    folder = CAFolder(tmp_path)
    create(folder, CAPlan(root_key="p-256", issuing_key="p-256"), base_url=URL, now=NOW)
    application = WithFolder(folder)
    wiring.use(application)
    yield application
    wiring.use(None)


def get(operation: str) -> tuple[int, str, bytes]:
    """(status, media type, body)"""
    path = f"/scep/device?operation={operation}"
    response = call(scep.scep, request("GET", path, route={"profile": "device"}))
    return response.status_code, response.mimetype, response.get_body()


def test_it_is_not_there_until_there_is_a_successor(kept: WithFolder) -> None:
    assert get("GetNextCACert") == (404, "text/plain", b"The next CA is not known yet.\n")
    assert b"GetNextCACert" not in get("GetCACaps")[2]


def test_a_worker_that_runs_already_finds_it(kept: WithFolder) -> None:
    get("GetNextCACert")
    successor = prepare_successor(kept.ca_folder, key="p-256", years=5, base_url=URL, now=NOW)
    assert b"GetNextCACert" in get("GetCACaps")[2].split()
    status, media_type, content = get("getnextcacert")
    assert (status, media_type) == (200, "application/x-x509-next-ca-cert")
    message = SignedMessage.parse(content)
    message.verify(kept.issuer.certificate.public_key)
    assert parse_degenerate(message.content or b"")[0] == (successor.der,)


def test_azure_has_none_and_says_so(azure_app: MemoryApplication) -> None:
    assert azure_app.in_azure
    assert get("GetNextCACert")[0] == 404
    assert get("GetCACaps")[0] == 200


def test_what_issues_is_still_the_ca_of_today(kept: WithFolder) -> None:
    prepare_successor(kept.ca_folder, key="p-256", years=5, base_url=URL, now=NOW)
    assert kept.ca_folder.issuer(URL).id == kept.issuer.id
    certificates = parse_degenerate(get("GetCACert")[2])[0]
    successor = kept.authorities.successor("device", NOW)
    assert successor is not None
    assert successor.certificate.der not in certificates
