"""What relying parties fetch: every URL in our certificates, with the media type and freshness they expect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import azure.functions as func
import pytest

from functions import pki
from shared import wiring
from shared.asn1 import oids
from shared.ca.issuer import issuer_id
from shared.x509.serial import shard_of
from tests.ca.stores import order, template
from tests.functions.application import MemoryApplication, call, issue, request, text
from tests.scep.authority import NOW, URL


@pytest.fixture
def published(app: MemoryApplication) -> MemoryApplication:
    app.publish()
    return app


@pytest.fixture
def parts() -> Iterator[MemoryApplication]:
    """With shards and deltas, published."""
    app = MemoryApplication(SCEPTER_CRL_SHARDS="2", SCEPTER_CRL_DELTA_HOURS="4")
    wiring.use(app)
    app.publish()
    yield app
    wiring.use(None)


def fetch(folder: str, name: str, method: str = "GET", **headers: str) -> func.HttpResponse:
    issuer, _, shard = name.rpartition("/")
    trigger: Callable[..., Any] = {"crl": pki.crl, "ca": pki.ca}[folder]
    route = {"name": name}
    if issuer:
        trigger, route = pki.crl_shard, {"issuer": issuer, "name": shard}
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return call(trigger, request(method, f"/{folder}/{name}", route=route, headers=sent))


def test_every_url_in_a_certificate_is_served(published: MemoryApplication) -> None:
    record = issue(published)
    assert record.certificate is not None
    for place in (published.issuer.locations.crl, published.issuer.locations.ca_certificate):
        assert place.encode() in record.certificate
        folder, name = place.removeprefix(f"{URL}/").split("/")
        response = fetch(folder, name)
        assert response.status_code == 200
        stored = published.blobs.read(f"{folder}/{name}")
        assert stored is not None
        assert response.get_body() == stored.data
    assert oids.CRL_DISTRIBUTION_POINTS in published.issuer.certificate.extensions


@pytest.mark.parametrize(
    ("folder", "suffix", "media_type", "cache"),
    [
        ("crl", ".crl", "application/pkix-crl", "public, max-age=300"),
        ("crl", ".crl.pem", "application/x-pem-file", "public, max-age=300"),
        ("ca", ".cer", "application/pkix-cert", "public, max-age=86400"),
        ("ca", ".pem", "application/x-pem-file", "public, max-age=86400"),
        ("ca", "-chain.pem", "application/x-pem-file", "public, max-age=86400"),
        ("ca", "-chain.p7c", "application/pkcs7-mime", "public, max-age=86400"),
    ],
)
def test_each_form_has_its_media_type(
    published: MemoryApplication, folder: str, suffix: str, media_type: str, cache: str
) -> None:
    response = fetch(folder, f"{published.issuer.id}{suffix}")
    assert (response.status_code, response.mimetype) == (200, media_type)
    assert response.headers["Cache-Control"] == cache
    assert response.headers["ETag"]


def test_the_roots_certificate_is_served_too(published: MemoryApplication) -> None:
    root = published.world.root
    assert fetch("ca", f"{issuer_id(root.spki)}.cer").get_body() == root.der


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "../ca/0011223344556677.cer",
        "0011223344556677",
        "0011223344556677.key",
        "0011223344556677.crl/..",
        "0011223344556677.crl\n",
        "00112233445566AA.crl",
        "..%2f..%2fsecret.pem",
        "0011223344556677.crl.pem.key",
        "0011223344556677-chain.crl",
        "0011223344556677-delta.cer",
        "0011223344556677/16-3",
        "0011223344556677/16-3.cer",
        "0011223344556677/3.crl",
        "0011223344556677/1000-1.crl",
        "0011223344556677/16-3-delta",
        "../16-3.crl",
        "0011223344556677/../16-3.crl",
    ],
)
@pytest.mark.parametrize("folder", ["crl", "ca"])
def test_other_names_are_no_publications(
    published: MemoryApplication, monkeypatch: pytest.MonkeyPatch, folder: str, name: str
) -> None:
    for method in ("read", "stat"):
        monkeypatch.setattr(published.blobs, method, lambda _: pytest.fail("storage was asked"))
    assert fetch(folder, name, if_none_match='"1"').status_code == 404


@pytest.mark.parametrize("folder", ["crl", "ca"])
def test_what_is_not_published_yet_is_not_found(app: MemoryApplication, folder: str) -> None:
    response = fetch(folder, f"{app.issuer.id}.{'crl' if folder == 'crl' else 'cer'}")
    assert (response.status_code, text(response)) == (404, "Not published yet.\n")


def test_a_new_crl_has_another_etag(published: MemoryApplication) -> None:
    name = f"{published.issuer.id}.crl"
    first = fetch("crl", name)
    published.publish()
    second = fetch("crl", name)
    assert first.headers["ETag"] != second.headers["ETag"]
    assert first.get_body() != second.get_body()


@pytest.mark.parametrize("form", ["", ".pem"])
@pytest.mark.parametrize("name", ["{id}.crl", "{id}-delta.crl", "{id}/2-0.crl", "{id}/2-1-delta.crl"])
def test_shards_and_deltas_are_served_as_they_are_published(
    parts: MemoryApplication, name: str, form: str
) -> None:
    name = name.format(id=parts.issuer.id) + form
    response = fetch("crl", name)
    stored = parts.blobs.read(f"crl/{name}")
    assert stored is not None
    assert (response.status_code, response.get_body()) == (200, stored.data)
    assert response.mimetype == ("application/x-pem-file" if form else "application/pkix-crl")
    assert response.headers["Cache-Control"] == "public, max-age=300"


def test_the_url_in_a_certificate_is_that_of_its_shard(parts: MemoryApplication) -> None:
    record = parts.authority.issue(template(), order("one"), now=NOW).record
    place = f"{URL}/crl/{parts.issuer.id}/2-{shard_of(record.serial, 2)}.crl"
    assert record.certificate is not None
    assert place.encode() in record.certificate
    response = fetch("crl", place.removeprefix(f"{URL}/crl/"))
    assert response.status_code == 200
    assert place.encode() in response.get_body()


@pytest.mark.parametrize("suffix", [".crl", ".crl.pem"])
def test_expires_says_to_old_caches_what_cache_control_says(
    published: MemoryApplication, suffix: str
) -> None:
    name = f"{published.issuer.id}{suffix}"
    headers = fetch("crl", name).headers
    assert parsedate_to_datetime(headers["Expires"]) == NOW + timedelta(minutes=5)
    published.now = NOW + timedelta(hours=72, minutes=-2)
    headers = fetch("crl", name).headers
    assert headers["Cache-Control"] == "public, max-age=120", "never beyond nextUpdate"
    assert parsedate_to_datetime(headers["Expires"]) == NOW + timedelta(hours=72)
    published.now = NOW + timedelta(days=9)
    assert fetch("crl", name).headers["Cache-Control"] == "public, max-age=0"
    certificate = fetch("ca", f"{published.issuer.id}.cer")
    assert parsedate_to_datetime(certificate.headers["Expires"]) == NOW + timedelta(days=10)


@pytest.mark.parametrize("folder", ["crl", "ca"])
def test_last_modified_is_when_it_was_put(published: MemoryApplication, folder: str) -> None:
    name = f"{published.issuer.id}.{'crl' if folder == 'crl' else 'cer'}"
    modified = parsedate_to_datetime(fetch(folder, name).headers["Last-Modified"])
    assert abs(datetime.now(UTC) - modified) < timedelta(minutes=2)


def test_whoever_has_it_already_is_told_so_without_its_bytes(
    published: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{published.issuer.id}.crl"
    etag, modified = (fetch("crl", name).headers[header] for header in ("ETag", "Last-Modified"))
    monkeypatch.setattr(published.blobs, "read", lambda _: pytest.fail("the blob was read"))
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        response = fetch("crl", name, if_none_match=known)
        assert (response.status_code, response.get_body()) == (304, b"")
        assert response.headers["ETag"] == etag
        assert response.headers["Cache-Control"] == "public, max-age=300"
        assert response.headers["Expires"]
    for since in (modified, later):
        assert fetch("crl", name, if_modified_since=since).status_code == 304
    assert fetch("crl", name, method="HEAD", if_none_match=etag).status_code == 304


@pytest.mark.parametrize(
    "headers",
    [
        {"if_none_match": '"another"'},
        {"if_none_match": ""},
        {"if_modified_since": "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"if_modified_since": "yesterday"},
        {"if_modified_since": ""},
        {"if_modified_since": "Sun, 06 Nov 99999 08:49:37 GMT"},
        {"if_modified_since": "Sun, 06 Nov 2999 08:49:37 -0000"},
        {"if_none_match": '"another"', "if_modified_since": "Wed, 06 Nov 2999 08:49:37 GMT"},
    ],
)
def test_whoever_has_another_gets_the_new_one(published: MemoryApplication, headers: dict[str, str]) -> None:
    response = fetch("crl", f"{published.issuer.id}.crl", **headers)
    assert (response.status_code, len(response.get_body()) > 0) == (200, True)


def test_what_is_not_there_is_not_found_whatever_one_has(app: MemoryApplication) -> None:
    assert fetch("crl", f"{app.issuer.id}.crl", if_none_match="*").status_code == 404
