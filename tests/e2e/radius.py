"""A RADIUS server (Debian's freeradius) that lets devices into a network by EAP-TLS, and a device (eapol_test)."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.programs import program

SECRET = "testing123"
_READY = "Ready to process requests"

_SERVER = """
prefix = /usr
libdir = /usr/lib/freeradius
confdir = {folder}
raddbdir = ${{confdir}}
logdir = {folder}/run
run_dir = {folder}/run
db_dir = {folder}/run
pidfile = ${{run_dir}}/radiusd.pid
log {{ destination = stdout
  auth = yes
}}
security {{ allow_vulnerable_openssl = yes }}
thread pool {{ start_servers = 1
  max_servers = 4
  min_spare_servers = 1
  max_spare_servers = 2
}}
client loop {{ ipaddr = 127.0.0.1
  secret = {secret}
}}
modules {{
  eap {{
    default_eap_type = tls
    tls-config t {{
      private_key_file = {folder}/server.key
      certificate_file = {folder}/server.pem
      ca_file = {folder}/ca.pem
      {status}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      cipher_list = "DEFAULT"
      ecdh_curve = ""
    }}
    tls {{
      tls = t
    }}
  }}
}}
server default {{
  listen {{ type = auth
    ipaddr = 127.0.0.1
    port = {port}
  }}
  authorize {{
    eap
  }}
  authenticate {{
    eap
  }}
}}
"""

_DEVICE = """
network={{
  key_mgmt=WPA-EAP
  eap=TLS
  identity="device"
  ca_cert="{folder}/root.pem"
  client_cert="{folder}/device.pem"
  private_key="{folder}/device.key"
  domain_match="{name}"
}}
"""


@dataclass(frozen=True)
class Radius:
    """`folder` holds root.pem, ca.pem (root and issuing CA), server.pem (with its chain), server.key."""

    folder: Path
    port: int
    name: str

    def lets_in(self, device: Path) -> bool:
        """Whether the device whose device.pem, device.key and root.pem are in the folder `device` gets in."""
        file = device / "network.conf"
        file.write_text(_DEVICE.format(folder=device, name=self.name))
        command = [program("eapol_test"), "-c", str(file), "-a", "127.0.0.1", "-p", str(self.port)]
        done = subprocess.run(
            [*command, "-s", SECRET, "-t", "10"], capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stdout.strip().rsplit("\n", 1)[-1]
        assert said in ("SUCCESS", "FAILURE"), done.stdout[-2000:]
        return said == "SUCCESS"


@contextmanager
def radius(folder: Path, name: str, status: str) -> Iterator[Radius]:
    """A running server; `status` is how it asks for the status of certificates, in the words of its configuration."""
    (folder / "run").mkdir(exist_ok=True)
    port, log = free_port(), folder / "radius.log"
    settings = _SERVER.format(folder=folder, secret=SECRET, port=port, status=status)
    (folder / "radiusd.conf").write_text(settings)
    command = [program("freeradius"), "-d", str(folder), "-f", "-l", "stdout", "-xx"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while _READY not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Radius(folder, port, name)
    finally:
        process.terminate()
        process.wait(20)
