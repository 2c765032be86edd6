"""What relying parties fetch: every URL in our certificates, with the media type and freshness they expect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from functions import pki
from shared.asn1 import oids
from shared.ca.issuer import issuer_id
from tests.functions.application import MemoryApplication, call, issue, request, text
from tests.scep.authority import URL


@pytest.fixture
def published(app: MemoryApplication) -> MemoryApplication:
    app.publish()
    return app


def fetch(folder: str, name: str, method: str = "GET") -> func.HttpResponse:
    trigger: Callable[..., Any] = {"crl": pki.crl, "ca": pki.ca}[folder]
    return call(trigger, request(method, f"/{folder}/{name}", route={"name": name}))


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
    ],
)
@pytest.mark.parametrize("folder", ["crl", "ca"])
def test_other_names_are_no_publications(
    published: MemoryApplication, monkeypatch: pytest.MonkeyPatch, folder: str, name: str
) -> None:
    monkeypatch.setattr(published.blobs, "read", lambda _: pytest.fail("storage was asked"))
    assert fetch(folder, name).status_code == 404


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
