"""This machine: its private-key operations, and what a process has used of it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

import cryptography
from cryptography.hazmat.backends.openssl.backend import backend
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


def description() -> dict[str, object]:
    """What the figures depend on. Those of a busy machine are not those of an idle one: the load at the start."""
    speeds = {name: openssl_speed(name) for name in OPENSSL_NAMES}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "Python": platform.python_version(),
        "cryptography": f"{cryptography.__version__} with {backend.openssl_version_text()}",
        **{f"openssl speed {name} us": round(speed) for name, speed in speeds.items() if speed},
    }


def _processor() -> str:
    """Its name, and whether it has the instructions that halve the time of RSA."""
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", text)
    return f"{name[1] if name else platform.machine()}{' with AVX-512 IFMA' if 'avx512ifma' in text else ''}"
