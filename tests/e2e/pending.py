"""Waiting for a request that waits."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.host import Host

PATIENCE = 30.0


def wait_for_request(host: Host, subject: str) -> dict[str, Any]:
    """The pending request for `subject`, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        requests = host.manage("GET", "requests", state="pending")["requests"]
        found: list[dict[str, Any]] = [each for each in requests if each["subject"] == subject]
        if found:
            return found[0]
        assert time.monotonic() < deadline, requests
        time.sleep(0.05)
