"""This machine: its private-key operations, and what a process has used of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.keys.ports import SigningKey
from shared.keys.signatures import sign

OPENSSL_NAMES = {"rsa-2048": "rsa2048", "rsa-3072": "rsa3072", "p-256": "ecdsap256"}
_TICKS = os.sysconf("SC_CLK_TCK")


def openssl_speed(algorithm: str) -> float | None:
    """Microseconds of one signature by `openssl speed`, or None without openssl."""
    if shutil.which("openssl") is None:
        return None
    command = ["openssl", "speed", "-seconds", "1", OPENSSL_NAMES[algorithm]]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # The last line ends with signatures and verifications per second; its times are rounded too coarsely.
    per_second = re.search(r"(\d+\.\d+)\s+\d+\.\d+\s*$", output)
    return 1e6 / float(per_second[1]) if per_second else None


def key_operations(ra_key: rsa.RSAPrivateKey, ca_key: SigningKey, rounds: int) -> float:
    """CPU microseconds of what an enrolment does with private keys: the RA opens and signs, the CA signs."""
    wrapped = ra_key.public_key().encrypt(bytes(16), padding.PKCS1v15())
    start = time.process_time()
    for _ in range(rounds):
        ra_key.decrypt(wrapped, padding.PKCS1v15())
        sign(ra_key, b"reply")
        sign(ca_key, b"certificate")
    return 1e6 * (time.process_time() - start) / rounds


def cpu_seconds(pid: int) -> float:
    """User and system time that the process has used, children apart (proc(5): fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mib(pid: int) -> float:
    """Memory in use by the process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def forget_peak() -> None:
    """From here on `peak_mib` counts (proc(5): clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> float:
    """The most memory this process has had in use since `forget_peak`, MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def description() -> str:
    """Cores and load: figures of a busy machine are not those of an idle one."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
