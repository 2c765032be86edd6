"""Certificates on record that nobody enrolled: rows like those of a certificate that is there already."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.world import copies
from shared.ca.folder import CAFolder
from shared.ca.issuer import issuer_id
from shared.store import addresses, rows
from shared.store.columns import Row
from shared.store.connection import StorageConnection
from shared.store.entity_table import BATCH, EntityTable

_WRITERS = 8


def fill_tables(storage: str, ca_folder: Path, count: int) -> None:
    """`count` further claims and records of the issuing CA in the tables of a storage account."""
    connection = StorageConnection.from_connection_string(storage)
    owners, certificates = (EntityTable(connection.table(name)) for name in ("owners", "certificates"))
    issuer = issuer_id(CAFolder(ca_folder).certificate("issuing").spki)
    found = next(certificates.partitions(addresses.records_of(issuer), "fill"))
    record = rows.record_of(found, found.metadata["etag"] or "")
    claim = rows.claim_of(next(owners.partition(addresses.encode(record.owner), "fill")))
    made = list(copies(claim, record, count))
    _insert(owners, (rows.claim_row(claim.owner, claim) for claim, _ in made))
    _insert(certificates, (rows.record_row(record) for _, record in made))
    connection.close()


def _insert(table: EntityTable, made: Iterable[Row]) -> None:
    partitions = defaultdict(list)
    for row in made:
        partitions[row["PartitionKey"]].append(row)
    batches = [rows[at : at + BATCH] for rows in partitions.values() for at in range(0, len(rows), BATCH)]
    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(lambda batch: table.put_all(batch, "fill"), batches))


def fill_depot(depot: Path, count: int) -> None:
    """`count` further certificates in a depot of micromdm's: for each a file and a line in its index."""
    index, serial = depot / "index.txt", depot / "serial"
    lines, following = index.read_text().splitlines(), int(serial.read_text(), 16)
    model = re.compile(r"(V\t\w+\t\t)\w+\t(.+)\.\d+\.pem\t(.*)").fullmatch(lines[-1])
    if model is None:
        raise RuntimeError("the depot's index is not as it was in scepserver 2.1.0")
    certificate = depot / lines[-1].split("\t")[4]
    for number in range(following, following + count):
        name = f"{model[2]}.{number}.pem"
        lines.append(f"{model[1]}{_octets(number)}\t{name}\t{model[3]}")
        shutil.copyfile(certificate, depot / name)
    index.write_text("\n".join(lines) + "\n")
    serial.write_text(_octets(following + count) + "\n")


def _octets(number: int) -> str:
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex().upper()
