"""Shards and deltas of a running host: certificates name their shard, and whoever fetches what is named gets it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from local.azurite import Azurite
from shared.asn1.pem import from_pem, pem
from shared.store.connection import StorageConnection
from shared.store.ports import Revocation
from shared.wiring import utc_now
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from tests.contracts.backend import table_store
from tests.e2e.command_line import manage
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.relying_party import RelyingParty
from tests.e2e.site import Site
from tests.programs import OpenSSL

pytestmark = pytest.mark.host

SETTINGS = {"SCEPTER_CRL_SHARDS": "4", "SCEPTER_CRL_DELTA_HOURS": "2"}


@pytest.fixture(scope="module")
def parted_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host with four shards and deltas; pkilint reads all it served at the end."""
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path_factory.mktemp("parted"), azurite.connection_string)
        with site.running(environment=SETTINGS) as host:
            yield host
            host.served.add_records(site.storage, site.issuer)
            assert host.served.findings() == []


@pytest.fixture
def certificate(parted_host: Host) -> Certificate:
    subject = f"CN=parted-{secrets.token_hex(4)}"
    return enrolment(parted_host, subject, parted_host.challenge(subject)).post(parted_host).certificates[0]


def distribution_point(certificate: Certificate) -> str:
    points = x509.load_der_x509_certificate(certificate.der).extensions
    (point,) = points.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    return str(point.full_name[0].value)


def freshest(crl: bytes) -> str:
    (point,) = x509.load_der_x509_crl(crl).extensions.get_extension_for_class(x509.FreshestCRL).value
    assert point.full_name is not None
    return str(point.full_name[0].value)


def fetch(host: Host, url: str) -> bytes:
    return host.http.get(url).raise_for_status().content


def test_a_device_is_checked_by_the_shard_that_its_certificate_names(
    parted_host: Host, certificate: Certificate, tmp_path: Path
) -> None:
    place = distribution_point(certificate)
    assert place.startswith(f"{parted_host.url}/crl/{parted_host.site.issuer}/4-")
    party = RelyingParty(tmp_path, parted_host.http, parted_host.site.ca.certificate("root"))
    party.accepts(certificate)
    parted_host.revoke(certificate.serial_hex)
    party.finds_revoked(certificate)
    full = parse_crl(fetch(parted_host, f"{parted_host.url}/crl/{parted_host.site.issuer}.crl"))
    assert full.find(certificate.serial_hex)


@pytest.mark.parametrize("part", ["full", "shard"])
def test_whoever_fetches_only_deltas_knows_what_is_new(
    parted_host: Host, certificate: Certificate, part: str, openssl: OpenSSL
) -> None:
    url = distribution_point(certificate)
    if part == "full":
        url = f"{parted_host.url}/crl/{parted_host.site.issuer}.crl"
    kept = fetch(parted_host, url)
    ca = parted_host.site.ca
    chain = [ca.certificate(name).der for name in ("issuing", "root")]
    (openssl.folder / "chain.pem").write_bytes(b"".join(pem("CERTIFICATE", each) for each in chain))
    (openssl.folder / "leaf.pem").write_bytes(pem("CERTIFICATE", certificate.der))

    def command(*crls: bytes) -> list[str]:
        (openssl.folder / "crls.pem").write_bytes(b"".join(pem("X509 CRL", crl) for crl in crls))
        given = ["-CAfile", "chain.pem", "-CRLfile", "crls.pem", "-extended_crl", "-use_deltas"]
        return ["verify", "-x509_strict", "-crl_check", *given, "leaf.pem"]

    openssl.run(*command(kept, fetch(parted_host, freshest(kept))))
    parted_host.revoke(certificate.serial_hex, "certificateHold")
    delta = fetch(parted_host, freshest(kept))
    assert "certificate revoked" in openssl.refusal(*command(kept, delta))
    parted_host.manage("DELETE", f"certificates/{certificate.serial_hex}/revocation")
    parted_host.manage("POST", "crl")
    delta = fetch(parted_host, freshest(kept))
    assert {entry.serial_hex: entry.reason for entry in parse_crl(delta).entries()}[
        certificate.serial_hex
    ] == "removeFromCRL"
    openssl.run(*command(kept, delta))


def test_every_part_has_its_copy_in_pem_from_the_app_and_from_the_blob(
    parted_host: Host, certificate: Certificate
) -> None:
    shard = distribution_point(certificate)
    for url in (shard, f"{shard.removesuffix('.crl')}-delta.crl"):
        blob = f"{parted_host.blob_url}/pki/{url.removeprefix(f'{parted_host.url}/')}"
        for place in (url, blob):
            answer = parted_host.http.get(place)
            assert answer.raise_for_status().headers["content-type"] == "application/pkix-crl"
            copy = parted_host.http.get(f"{place}.pem").raise_for_status()
            assert from_pem(copy.content) == [("X509 CRL", answer.content)]
            assert copy.headers["content-type"] == "application/x-pem-file"


def test_whoever_has_it_already_is_told_so(parted_host: Host) -> None:
    path = f"/crl/{parted_host.site.issuer}.crl"
    for _ in range(5):  # the queue may bring the next one in between
        first = parted_host.http.get(path)
        second = parted_host.http.get(path, headers={"If-None-Match": first.headers["etag"]})
        if second.status_code == 304:
            break
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["etag"] == first.headers["etag"]
    since = parted_host.http.get(path, headers={"If-Modified-Since": first.headers["last-modified"]})
    assert since.status_code in (200, 304)
    assert {"expires", "cache-control", "last-modified"} <= set(first.headers)


def test_the_command_line_shows_and_mends(parted_host: Host, certificate: Certificate) -> None:
    """A record that is revoked behind the back of everything is on the CRL once they have been compared."""
    connection = StorageConnection.from_connection_string(parted_host.site.storage)
    store = table_store(connection)
    record = store.find(parted_host.site.issuer, certificate.serial_hex)
    assert record is not None
    store.set_revocation(record, Revocation("superseded", utc_now(), "somebody"))
    connection.close()
    done = manage(parted_host, "crl", "reconcile", "--json").json
    assert {"serial": certificate.serial_hex, "what": "put on the CRL"} in done
    assert "0 differences" in manage(parted_host, "crl", "reconcile").said
    shard = distribution_point(certificate)
    assert parse_crl(fetch(parted_host, shard)).find(certificate.serial_hex)
    shown = {each["url"]: each for each in manage(parted_host, "crl", "show", "--json").json}
    answer: httpx.Response = parted_host.http.get(shard)
    assert shown[shard]["bytes"] == len(answer.content)
    assert shown[shard]["number"] == parse_crl(answer.content).number
    assert len(shown) == 10
    assert "all changes until" in manage(parted_host, "crl", "show").said
