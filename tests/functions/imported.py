"""The application of the triggers' tests with imported PFX over stores in memory, and what is sent to it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import azure.functions as func

from functions import parcels, pfx
from shared.ca.authority import CertificateAuthority, Order
from shared.keys.ports import public_key_info
from shared.pfx.import_keys import ImportKeys
from shared.pfx.imported_delivery import ImportedDelivery
from shared.pfx.imported_request import delivery_id
from shared.pfx.parcel_order import ParcelOrder
from shared.store.memory_parcels import MemoryParcelStore, MemoryPFXRequestLog, MemoryPrivateBlobs
from shared.store.parcels import ParcelStore, PrivateBlobs, Purpose
from shared.store.pfx_requests import PFXRequestEntry, PFXRequestLog
from shared.store.ports import CertificateRecord
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.functions.application import LOCAL, MANAGEMENT_KEY, MemoryApplication, call, queue_message, request
from tests.pfx.imported_site import VaultOfTests, device_key
from tests.pfx.mail import PASSWORD, USER, Holder, holder
from tests.scep.authority import DAY, NOW

QUEUE, POISON = "pfx-requests", "pfx-requests-poison"
MDM_SECRET, CONNECTOR_SECRET = "mdm-secret-of-the-tests", "connector-secret-of-the-tests"
CALLERS = """
[[callers]]
name = "mdm"
pfx = ["stored", "brought"]
rate = "1000/minute"
[[callers]]
name = "connector"
pfx = ["brought", "recipient"]
rate = "3/minute"
"""
MANAGER = {"x-scepter-key": MANAGEMENT_KEY}


class PFXApplication(MemoryApplication):
    """MemoryApplication, with callers `mdm` and `connector`."""

    def __init__(self, environment: Mapping[str, str] = LOCAL) -> None:
        super().__init__(
            environment,
            SCEPTER_CALLER_SECRETS__MDM=MDM_SECRET,
            SCEPTER_CALLER_SECRETS__CONNECTOR=CONNECTOR_SECRET,
        )
        self.policy += CALLERS
        self.vault, self.log = VaultOfTests(), MemoryPFXRequestLog()
        self.parcel_memory = MemoryParcelStore()
        self.private = MemoryPrivateBlobs(lambda: self.now)

    @cached_property
    def import_keys(self) -> ImportKeys:
        return self.vault

    @cached_property
    def parcel_store(self) -> ParcelStore:
        return self.parcel_memory

    @cached_property
    def parcel_blobs(self) -> PrivateBlobs:
        return self.private

    @cached_property
    def pfx_requests(self) -> PFXRequestLog:
        return self.log

    def enrol(self, device: str = "dev1") -> CertificateRecord:
        """A certificate that can be sealed to; its key is `device_key(device)`."""
        spki = public_key_info(device_key(device))
        extensions = (basic_constraints(False), key_usage(["keyEncipherment"]), subject_key_identifier(spki))
        asked = CertificateTemplate(
            Name.build([("CN", device)]), spki, NOW - DAY, NOW + 364 * DAY, extensions
        )
        authority = CertificateAuthority(self.issuer, self.store)
        return authority.issue(asked, Order(device, "device", "sealed:tests", device=device), now=NOW).record

    def delivered(self, identifier: str = "request-1", caller: str = "mdm") -> ImportedDelivery:
        """What stands for a request."""
        found = self.delivery_store.find(delivery_id(caller, identifier))
        assert found is not None
        return ImportedDelivery.parse(found.content)

    def entry(self, identifier: str = "request-1", caller: str = "mdm") -> PFXRequestEntry:
        """What is on record of a request."""
        found = self.log.find(caller, identifier)
        assert found is not None
        return found

    def drain(self) -> None:
        """Handle what is on the queue now."""
        waiting, self.queues[QUEUE].sent = self.queues[QUEUE].sent, []
        for content, _ in waiting:
            pfx.deliver_pfx(queue_message(content))


def parcel_order(
    app: PFXApplication, owner: Holder | None = None, *, password: str = PASSWORD, **changes: Any
) -> dict[str, Any]:
    """The body of an import."""
    owner = owner or holder()
    certificate = owner.certificate
    order = ParcelOrder(
        user=USER,
        thumbprint=owner.thumbprint,
        purpose=Purpose.ENCRYPTION,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        subject="CN=Ann",
        password=app.vault.versions()[0].seal(password.encode()),
        pfx=owner.pfx(password),
    )
    return {**order.document(), **changes}


def manage(
    trigger: Any, method: str, path: str, body: object = None, headers: Mapping[str, str] = MANAGER
) -> func.HttpResponse:
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return call(trigger, request(method, path, body=data, headers=headers))


def keep(app: PFXApplication, owner: Holder | None = None, **changes: Any) -> dict[str, Any]:
    """Import over HTTP; the answer."""
    answer = manage(parcels.import_parcel, "POST", "/manage/parcels", parcel_order(app, owner, **changes))
    assert answer.status_code in (200, 201), answer.get_body()
    found: dict[str, Any] = json.loads(answer.get_body())
    return found


def order(**changes: Any) -> dict[str, Any]:
    """A request for what is stored."""
    return {"version": 1, "id": "request-1", "user": USER, "device": "dev1", **changes}


def brought(app: PFXApplication, owner: Holder | None = None, **changes: Any) -> dict[str, Any]:
    """A parcel in a request, with its file."""
    sealed = app.vault.versions()[0].seal(PASSWORD.encode())
    usual = {
        "encryptedPfxPassword": b64encode(sealed.ciphertext).decode(),
        "keyName": "import",
        "paddingScheme": "oaepSha256",
        "pfx": b64encode((owner or holder()).pfx()).decode(),
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def post(body: object, secret: str = MDM_SECRET, **headers: str) -> func.HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"authorization": f"Bearer {secret}", **headers}
    return call(pfx.pfx_requests, request("POST", "/pfx/requests", body=data, headers=given))


def show(identifier: str = "request-1", secret: str = MDM_SECRET) -> func.HttpResponse:
    headers = {"authorization": f"Bearer {secret}"}
    path, route = f"/pfx/requests/{identifier}", {"id": identifier}
    return call(pfx.pfx_request, request("GET", path, headers=headers, route=route))
