"""IssuingAuthority: what our own CA and an outside one promise alike, over memory and over Azurite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.ca import hierarchy
from shared.ca.authority import CertificateAuthority
from shared.ca.est import EST
from shared.ca.issuer import Issuer
from shared.ca.outside import OutsideAuthority
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.ports import IssuingAuthority
from shared.errors import ChallengeRejected
from shared.keys import software
from shared.keys.ports import public_key_info
from shared.store.ports import Revocation
from shared.x509.names import Name
from tests.ca.outside import PATIENCE, csr, now, order, settings, wanted
from tests.contracts.backend import Backend, Store
from tests.est.server import ESTServer

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scene:
    """Workers of one CA over one store. `later` is when another worker may take over."""

    worker: Callable[[], IssuingAuthority]
    store: Store
    issuer: str


def our_own() -> Issuer:
    root_key, key = software.generate("p-256"), software.generate("p-256")
    begin = now() - DAY
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=begin, life=9 * 365 * DAY
    )
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(key),
        subject=Name.build([("CN", "Issuing")]),
        not_before=begin,
        life=5 * 365 * DAY,
        base_url="http://pki.example.org",
    )
    return Issuer(issuing, (root,), key, "http://pki.example.org")


@pytest.fixture(params=["our own", "outside"])
def scene(request: pytest.FixtureRequest, backend: Backend, tmp_path: Path) -> Iterator[Scene]:
    store = backend.store()
    if request.param == "our own":
        issuer = our_own()
        yield Scene(lambda: CertificateAuthority(issuer, backend.store()), store, issuer.id)
        return
    with ESTServer(tmp_path) as server:
        outside, est = OutsideIssuer.read("others", server.chain), EST(settings(server))

        def worker() -> IssuingAuthority:
            return OutsideAuthority(outside, est, backend.store(), backend.submissions(), patience=PATIENCE)

        yield Scene(worker, store, outside.id)
        assert list(backend.submissions().all()) == []


def test_an_order_is_one_certificate_on_record(scene: Scene) -> None:
    request, at = csr(), now()
    first = scene.worker().issue(wanted(request), order(request), now=at)
    again = scene.worker().issue(wanted(request), order(request), now=at + DAY / 2)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.certificate.der == first.certificate.der
    record = scene.store.find(scene.issuer, first.record.serial)
    assert record is not None
    assert record.certificate == first.certificate.der
    assert (record.profile, record.vouched_by, record.device) == ("device", "sealed:tests", "dev1")
    assert [each.serial for each in scene.store.owned_by("device:dev1")] == [record.serial]
    assert [each.serial for each in scene.store.records(scene.issuer)] == [record.serial]


def test_another_key_is_a_replay(scene: Scene) -> None:
    scene.worker().issue(wanted(csr(0)), order(csr(0)), now=now())
    with pytest.raises(ChallengeRejected, match="replay"):
        scene.worker().issue(wanted(csr(1)), order(csr(1)), now=now())


def test_other_orders_are_other_certificates(scene: Scene) -> None:
    issued = [
        scene.worker().issue(wanted(csr(number)), order(csr(number), f"challenge-{number}"), now=now())
        for number in range(3)
    ]
    assert len({each.record.serial for each in issued}) == 3


def test_what_came_of_an_order_is_found(scene: Scene) -> None:
    request, authority = csr(), scene.worker()
    asked = {"subject": request.subject, "key_hash": request.key_hash, "now": now()}
    assert authority.find_claim(order(request), request.subject) is None
    assert authority.find_repeat(order(request), **asked) is None  # type: ignore[arg-type]
    issued = authority.issue(wanted(request), order(request), now=now())
    claim = authority.find_claim(order(request), request.subject)
    assert claim is not None
    assert claim.serial == issued.record.serial
    found = authority.find_repeat(order(request), **asked)  # type: ignore[arg-type]
    assert found is not None
    assert found.certificate.der == issued.certificate.der
    with pytest.raises(ChallengeRejected, match="replay"):
        authority.find_repeat(order(request), subject=request.subject, key_hash="00" * 32, now=now())


def test_after_a_day_a_repeat_is_a_replay(scene: Scene) -> None:
    request, at = csr(), now()
    scene.worker().issue(wanted(request), order(request), now=at)
    with pytest.raises(ChallengeRejected, match="older than 24 h"):
        scene.worker().issue(wanted(request), order(request), now=at + DAY + timedelta(seconds=1))


def test_of_a_revoked_one_a_repeat_gets_nothing(scene: Scene) -> None:
    request = csr()
    issued = scene.worker().issue(wanted(request), order(request), now=now())
    record = scene.store.find(scene.issuer, issued.record.serial)
    assert record is not None
    scene.store.set_revocation(record, Revocation("keyCompromise", now(), "tests"))
    with pytest.raises(ChallengeRejected, match="is revoked"):
        scene.worker().issue(wanted(request), order(request), now=now())


def test_a_user_s_certificate_is_found_under_user_and_device(scene: Scene) -> None:
    request = csr()
    asked = replace(order(request), user="ann@example.org")
    issued = scene.worker().issue(wanted(request), asked, now=now())
    for owner in ("device:dev1", "user:ann@example.org"):
        assert [each.serial for each in scene.store.owned_by(owner)] == [issued.record.serial]
