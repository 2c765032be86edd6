"""Imported PFX, wired: import keys, parcels, and who delivers them to whom.

Sealing, deliveries and results are those of keys that are made here.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice

from shared.errors import KeyUnavailable
from shared.pfx.import_key_folder import SoftwareImportKeys
from shared.pfx.import_key_vault import VaultImportKeys
from shared.pfx.import_keys import ImportKeys
from shared.pfx.imported import ImportedPFX
from shared.pfx.imported_ports import Deliveries, PasswordSealer
from shared.pfx.imported_recipients import ImportedRecipients
from shared.pfx.imported_request import BROUGHT
from shared.pfx.kept_deliveries import KeptDeliveries
from shared.pfx.packing import Packer
from shared.pfx.parcels import Parcels
from shared.pfx.password_sealing import CMSSealer
from shared.store.connection import PARCELS
from shared.store.parcel_table import TableParcelStore
from shared.store.parcels import ParcelStore, PrivateBlobs
from shared.store.pfx_request_table import TablePFXRequestLog
from shared.store.pfx_requests import PFXRequestLog
from shared.wiring.pfx import Delivering

_MOST_PURGED = 2_000
"""Requests, and files, in one run of the timer."""


class Imported(Delivering):
    """PFX files that were made elsewhere."""

    @cached_property
    def import_keys(self) -> ImportKeys:
        if self.settings.vault_url:
            return VaultImportKeys(self.settings.import_key, self.vault_keys)
        if self.in_azure:
            raise KeyUnavailable("software keys are refused in Azure; set SCEPTER_VAULT_URL")
        return SoftwareImportKeys(self.settings.ca_folder, self.settings.ca_key_password.get_secret_value())

    @cached_property
    def password_sealer(self) -> PasswordSealer:
        return CMSSealer()

    @cached_property
    def pfx_deliveries(self) -> Deliveries:
        return KeptDeliveries(self.delivery_store, self.settings.delivery_life, self.clock)

    @cached_property
    def parcel_store(self) -> ParcelStore:
        return TableParcelStore(self.storage.table("parcels"))

    @cached_property
    def parcel_blobs(self) -> PrivateBlobs:
        from shared.store.private_blobs import (
            StoragePrivateBlobs,  # 0.15 s of a cold start, as for publications
        )

        return StoragePrivateBlobs(self.storage.container(PARCELS))

    @cached_property
    def pfx_requests(self) -> PFXRequestLog:
        return TablePFXRequestLog(self.storage.table("pfxrequests"))

    @cached_property
    def parcels(self) -> Parcels:
        return Parcels(
            self.parcel_store, self.parcel_blobs, self.import_keys, self.clock, self.settings.largest_pfx
        )

    @cached_property
    def imported_pfx(self) -> ImportedPFX:
        packer = Packer(
            parcels=self.parcel_store,
            blobs=self.parcel_blobs,
            keys=self.import_keys,
            sealer=self.password_sealer,
            clock=self.clock,
            largest=self.settings.largest_pfx,
        )
        return ImportedPFX(
            callers={caller.name: caller for caller in self.profiles.callers},
            parcels=self.parcel_store,
            requests=self.pfx_requests,
            recipients=ImportedRecipients(self.records, self.password_sealer, self.authorities),
            packer=packer,
            deliveries=self.pfx_deliveries,
            results=self.results,
            clock=self.clock,
        )

    def purge_pfx_requests(self) -> int:
        """Forget requests that are past their time, some of them, with what they brought; returns how many."""
        before = self.clock() - self.settings.pfx_request_life
        names = list(islice(self.parcel_blobs.older(BROUGHT, before), _MOST_PURGED))
        for name in names:
            self.parcel_blobs.remove(name)
        return len(names) + self.pfx_requests.purge(before, _MOST_PURGED)
