"""A host's storage is lost: what a new host says over the restored one is what the old one said."""

from __future__ import annotations

import secrets
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from local.azurite import Azurite
from shared.x509.certificate import Certificate
from tests.e2e.command_line import Ended, run
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.ocsp_askers import Asker
from tests.e2e.site import Site

pytestmark = [pytest.mark.host, pytest.mark.long, pytest.mark.timeout(400)]

NOBODYS = "0x26aa" + "99" * 17
REASONS = ("", "keyCompromise", "certificateHold", "superseded")


def enrol(host: Host) -> Certificate:
    subject = f"CN=kept-{secrets.token_hex(4)}"
    return enrolment(host, subject, host.challenge(subject)).post(host).certificates[0]


def entries(host: Host) -> set[tuple[int, str, str]]:
    """Of the CRL: serial, time and reason."""
    crl = x509.load_der_x509_crl(host.http.get(f"/crl/{host.site.issuer}.crl").raise_for_status().content)
    return {
        (entry.serial_number, entry.revocation_date_utc.isoformat(), str(list(entry.extensions)))
        for entry in crl
    }


def status(host: Host, folder: Path, serials: list[str]) -> list[str]:
    """What openssl is told of each, with the time and reason of a revocation."""
    ca = host.site.ca
    asker = Asker(folder, f"{host.url}/ocsp", host.http, ca.certificate("root"), ca.certificate("issuing"))
    said = asker.openssl.words(
        *("ocsp", "-issuer", "issuing.pem", "-url", asker.url, "-CAfile", "root.pem", "-no_nonce"),
        *(word for serial in serials for word in ("-serial", serial)),
    )
    assert "Response verify OK" in said
    lines = [line.strip() for line in said.splitlines()]
    return [line for line in lines if line and not line.startswith(("This Update", "Next Update"))]


def manage(*words: str, storage: str) -> Ended:
    return run(*words, environment={"AzureWebJobsStorage": storage})


def counts(rows: list[dict[str, Any]], column: str) -> dict[tuple[str, str], int]:
    return {(row["kind"], row["name"]): row[column] for row in rows if row["kind"] != "queue"}


def test_a_restored_host_says_what_the_lost_one_said(tmp_path: Path) -> None:
    folder, backup = tmp_path / "site", tmp_path / "backup"
    folder.mkdir()
    with Azurite.start(in_memory=True) as first:
        site = Site.make(folder, first.connection_string, key="rsa-2048")
        with site.running() as host:
            certificates = [enrol(host) for _ in REASONS]
            for certificate, reason in zip(certificates, REASONS, strict=True):
                if reason:
                    host.revoke(certificate.serial_hex, reason)
            serials = [*(f"0x{each.serial_hex}" for each in certificates), NOBODYS]
            told, listed = status(host, tmp_path, serials), entries(host)
            records = host.records()
            saved = manage(
                "backup", str(backup), "--json", storage=first.connection_string
            ).json  # as it runs
    manage("backup", str(backup), storage=first.connection_string).assert_refused("finished")
    assert {stat.S_IMODE(path.stat().st_mode) for path in backup.iterdir()} == {0o600}
    with Azurite.start(in_memory=True) as second:
        plan = manage("restore", str(backup), "--dry-run", "--json", storage=second.connection_string).json
        restored = manage("restore", str(backup), "--json", storage=second.connection_string).json
        assert counts(plan, "items") == counts(saved, "items")
        assert counts(restored, "there") == counts(saved, "items") == counts(restored, "written")
        assert counts(saved, "items")["table", "certificates"] == len(REASONS) + 1  # the OCSP responder's
        with replace(site, storage=second.connection_string).running() as host:
            assert status(host, tmp_path, serials) == told
            states = [line.rpartition(": ")[2] for line in told if line.startswith("0x")]
            assert states == ["good", *["revoked"] * 3, "unknown"]
            assert entries(host) == listed
            assert len(listed) == len(REASONS) - 1
            assert host.records() == records
            assert host.manage("POST", "crl/reconciliation")["listed"] == []
            fresh = enrol(host)  # and it goes on
            assert f"0x{fresh.serial_hex}: good" in status(host, tmp_path, [f"0x{fresh.serial_hex}"])
    with Azurite.start(in_memory=True) as third:
        late = replace(site, storage=third.connection_string)
        with late.running() as host:  # too early: its CRL is there, and empty
            assert entries(host) == set()
        refused = manage("restore", str(backup), storage=third.connection_string)
        refused.assert_refused("storage is not empty", "container pki", "--merge")
        merged = manage("restore", str(backup), "--merge", "--json", storage=third.connection_string).json
        assert counts(merged, "kept")["container", "pki"] > 0
        with late.running() as host:
            assert status(host, tmp_path, serials) == told
            host.manage("POST", "crl/reconciliation")
            assert entries(host) == listed
