"""OutsideCA: what every adapter promises, EST's and those of other packages (docs/outside-ca.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from shared.ca import adapters
from shared.ca.est import EST
from shared.ca.ports import AdapterSettings, OutcomeUnknown, OutsideRequest
from shared.errors import IssuancePending, IssuerUnavailable, RequestError
from tests.ca.outside import csr, settings, wanted
from tests.contracts.outside_cas import AUTHORITIES, Backing, OverEST, OverVendor, Vendor
from tests.est.authority import Authority
from tests.est.server import ESTServer

URL = "https://vendor.example.org/api"


@pytest.fixture
def vendors_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package is installed that offers an adapter `vendor`."""
    metadata = tmp_path / "vendor_issuer-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-issuer\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[scepter.issuers]\nvendor = tests.contracts.outside_cas:Vendor\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


@pytest.fixture(params=["password", "client certificate", "vendor"])
def backing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backing]:
    if request.param == "vendor":
        request.getfixturevalue("vendors_package")
        AUTHORITIES[URL] = Authority.make("p-256")
        made = adapters.maker("vendor")(AdapterSettings("x", URL, options={"api_key": "secret"}))
        assert isinstance(made, Vendor)
        yield OverVendor(made)
        return
    with ESTServer(tmp_path) as server:
        given = settings(server)
        if request.param == "client certificate":
            given = settings(server, username="", password="", client_certificate=server.ra)
        yield OverEST(server, adapters.maker("est")(given))


def asked(number: int = 0) -> OutsideRequest:
    return OutsideRequest(csr(number).der, wanted(csr(number)), f"identity-{number}")


def test_a_request_is_answered_with_a_certificate_of_its_key(backing: Backing) -> None:
    for number in range(3):
        certificate = backing.ca.enrol(asked(number))
        assert certificate.spki == csr(number).spki
        assert certificate.issuer.text() == "CN=Outside CA,O=Others"


def test_a_refusal_is_an_error_of_the_request(backing: Backing) -> None:
    backing.refuse()
    with pytest.raises(RequestError):
        backing.ca.enrol(asked())


def test_pending_says_when_to_come_again_and_then_it_is_served(backing: Backing) -> None:
    backing.let_wait(42)
    with pytest.raises(IssuancePending) as caught:
        backing.ca.enrol(asked())
    assert caught.value.retry_after == 42
    assert backing.ca.enrol(asked()).spki == csr().spki


def test_busy_is_an_outage_after_which_nothing_has_to_be_looked_for(backing: Backing) -> None:
    backing.say_busy()
    with pytest.raises(IssuerUnavailable) as caught:
        backing.ca.enrol(asked())
    assert not isinstance(caught.value, OutcomeUnknown)


def test_what_nobody_knows_the_end_of_is_told_apart(backing: Backing) -> None:
    backing.break_off()
    with pytest.raises(OutcomeUnknown):
        backing.ca.enrol(asked())


def test_the_ca_s_own_certificates(backing: Backing) -> None:
    found = {each.der for each in backing.ca.ca_certificates()}
    assert backing.chain[0].public_bytes(Encoding.DER) in found


def test_adapters_are_found_by_name(vendors_package: None) -> None:
    assert adapters.known() == ("est", "vendor")
    assert adapters.maker("est") is EST
    with pytest.raises(ValueError, match="no adapter 'entrust' is installed; there are est, vendor"):
        adapters.maker("entrust")
