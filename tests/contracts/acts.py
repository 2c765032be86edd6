"""Every method of every port once, over any backend; iterators are read to their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from tests.contracts import examples
from tests.contracts.backend import Backend

READ = replace(examples.record(), etag="W/\"datetime'2026-03-01T12%3A30%3A15.0000000Z'\"")
WAITING = replace(examples.pending(), etag=READ.etag)
EXPECTED = replace(examples.unreported(), etag=READ.etag)
ACTS: dict[str, Callable[[Backend], object]] = {
    "claim": lambda b: b.store().claim(examples.claim()),
    "find_claim": lambda b: b.store().find_claim("device:a", "challenge-1"),
    "link": lambda b: b.store().link("user:ann@example.org", examples.claim()),
    "commit": lambda b: b.store().commit(examples.record()),
    "find": lambda b: b.store().find(examples.ISSUER, examples.serial()),
    "owned_by": lambda b: list(b.store().owned_by("device:a")),
    "records": lambda b: list(b.store().records(examples.ISSUER)),
    "note_change": lambda b: b.store().note_change(examples.change()),
    "changes": lambda b: list(b.store().changes(examples.ISSUER, examples.NOW)),
    "set_revocation": lambda b: b.store().set_revocation(READ, examples.revocation()),
    "purge changes": lambda b: b.store().purge_changes(examples.ISSUER, examples.NOW, 100),
    "revoked": lambda b: list(b.store().revoked(examples.ISSUER)),
    "any issued": lambda b: b.store().any_issued(examples.ISSUER, *[examples.NOW] * 3),
    "remember": lambda b: b.store().remember(examples.supersession()),
    "due": lambda b: list(b.store().due(date(2026, 4, 1))),
    "forget": lambda b: b.store().forget(examples.supersession()),
    "take": lambda b: b.use_counter().take("kiosk", "request-1", 3),
    "take the last": lambda b: b.use_counter().take("kiosk", "request-1", 0),
    "read": lambda b: b.publications().read("crl/a.crl"),
    "stat": lambda b: b.publications().stat("crl/a.crl"),
    "put": lambda b: b.publications().put(
        "crl/a.crl", b"crl", content_type="application/pkix-crl", max_age=60, overwrite=True
    ),
    "append": lambda b: b.traces().append([examples.trace(device="")]),
    "append many": lambda b: b.traces().append([examples.trace(device="", mark=mark) for mark in "abc"]),
    "find traces": lambda b: list(b.traces().find("id", "transaction-1", [examples.NOW.date()])),
    "purge": lambda b: b.traces().purge(examples.NOW.date(), 100),
    "create": lambda b: b.pending().create(examples.pending()),
    "find request": lambda b: b.pending().find(examples.pending().id),
    "holder": lambda b: b.pending().holder("device", "challenge-1"),
    "decide": lambda b: b.pending().decide(WAITING, examples.verdict()),
    "all": lambda b: list(b.pending().all()),
    "forget request": lambda b: b.pending().forget(examples.pending()),
    "expect": lambda b: b.outbox().expect(examples.unreported()),
    "lookup": lambda b: b.outbox().lookup(examples.ISSUER, examples.serial()),
    "condemn": lambda b: b.outbox().condemn(EXPECTED),
    "settle": lambda b: b.outbox().settle(EXPECTED),
    "waiting": lambda b: list(b.outbox().waiting()),
    "add": lambda b: b.outbox().add(examples.failure()),
    "reports": lambda b: list(b.outbox().reports()),
    "drop": lambda b: b.outbox().drop(examples.failure()),
    "send": lambda b: b.queue().send({"version": 1}),
}
