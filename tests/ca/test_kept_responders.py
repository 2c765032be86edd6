"""OCSP responders kept as versions of a secret: all are loaded, ended ones are gone, and a worker answers with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.ca.kept_identities import KeptIdentities
from shared.ca.kept_responders import KeptResponders
from shared.ca.responder_identity import LIFE, make_identity
from shared.ca.responding import DelegatedResponder
from shared.keys.memory_secrets import MemorySecretStore
from shared.store.memory import MemoryStore
from tests.ca.tiers import hierarchy_of
from tests.scep.authority import NOW

HOUR = timedelta(hours=1)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_what_is_added_is_loaded_by_every_worker_until_its_end() -> None:
    clock, tiers = Clock(), hierarchy_of("p-256")
    secrets = MemorySecretStore(clock)
    first, second = (KeptResponders(KeptIdentities(secrets, "ocsp", clock)) for _ in range(2))
    assert first.load() == []
    identity = make_identity(tiers.issuer, now=NOW, backdate=HOUR)
    first.add(identity, NOW)
    (found,) = second.load()
    assert found.certificate == identity.certificate
    assert found.key.public_key() == identity.key.public_key()
    clock.now += LIFE
    assert second.load() == []


def test_a_responder_is_made_on_record_and_taken_over_by_the_next_worker() -> None:
    clock, tiers, store = Clock(), hierarchy_of("p-256"), MemoryStore()
    secrets = MemorySecretStore(clock)

    def worker() -> DelegatedResponder:
        kept = KeptResponders(KeptIdentities(secrets, "ocsp", clock))
        return DelegatedResponder(
            tiers.issuer.certificate,
            kept,
            store,
            lambda now: make_identity(tiers.issuer, now=now, backdate=HOUR),
        )

    made = worker().current(NOW)
    assert worker().current(NOW).certificate == made.certificate
    assert store.find(tiers.issuer.id, made.certificate.serial_hex) is not None
    assert len(secrets.versions("ocsp")) == 1
