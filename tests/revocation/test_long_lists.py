"""CRLs of up to a million entries: what the next one costs, and that relying parties and storage take it."""

from __future__ import annotations

import json
import sys

import pytest

from bench.crl import SHARDS, SIZES, faults, measured, row
from bench.crl_site import CRLSite
from local.azurite import Azurite
from shared.asn1.pem import from_pem, pem
from shared.revocation.reconciliation import Reconciler
from shared.store.blobs import BlobPublicationStore
from shared.store.connection import StorageConnection
from shared.x509.crl import parse_crl
from tests.programs import OpenSSL

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

MILLION = 1_000_000


def test_the_next_crl_costs_as_much_as_its_list_is_long() -> None:
    """One signature, ten rows read, time and memory in proportion; the figures are printed."""
    costs = [measured(size) for size in SIZES]
    sys.stdout.write("".join(f"\n{json.dumps(row(cost))}" for cost in costs))
    assert faults(costs) == []


def test_a_change_among_a_million_with_shards_and_deltas_signs_only_what_changed() -> None:
    cost = measured(MILLION, SHARDS)
    sys.stdout.write(f"\n{json.dumps(row(cost))}")
    assert cost.rows == 20, "once to see which shards, once with their ETags in hand"
    assert cost.signatures <= 2 + 2 * 10
    assert cost.puts == 2 * cost.signatures


def test_a_million_entries_and_ten_more_are_all_read_by_openssl(openssl: OpenSSL) -> None:
    site = CRLSite(MILLION)
    serials = site.revoke(10)
    site.publisher.publish_change(site.now)
    der = site.full().data
    crl = parse_crl(der)
    assert len(crl) == MILLION + 10
    assert all(crl.find(serial) for serial in serials)
    (openssl.folder / "a.crl").write_bytes(der)
    (openssl.folder / "ca.pem").write_bytes(pem("CERTIFICATE", site.issuer.certificate.der))
    said = openssl.words("crl", "-in", "a.crl", "-inform", "DER", "-noout", "-crlnumber", "-CAfile", "ca.pem")
    assert "verify OK" in said
    assert f"{crl.number:X}" in said


@pytest.mark.azurite
def test_a_million_entries_go_through_storage(azurite: Azurite, unique_name: str) -> None:
    """50 MiB in one request, and the copy in PEM in several; the next publisher reads what this one put."""
    connection = StorageConnection.from_connection_string(azurite.connection_string)
    connection.create_missing(tables=(), containers=[unique_name])
    site = CRLSite(MILLION, over=BlobPublicationStore(connection.container(unique_name)))
    for _ in range(2):
        serials = site.revoke(10)
        assert site.publisher.publish_change(site.now)
    found = site.full()
    assert len(parse_crl(found.data)) == MILLION + 20
    assert parse_crl(found.data).find(serials[0])
    copy = site.publications.read(f"{site.publisher.name}.pem")
    assert copy is not None
    assert from_pem(copy.data) == [("X509 CRL", found.data)]
    connection.close()


def test_a_million_entries_are_reconciled_with_their_records() -> None:
    """All of them unknown but for ten: nothing is dropped."""
    site = CRLSite(100_000)
    before = site.full()
    done = Reconciler(site.publisher, site.store, lambda: site.now).run()
    assert len(done.unknown) == 100_000
    assert site.full() == before
