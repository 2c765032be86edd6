"""Ports for servers that must be told theirs beforehand."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A port nobody listens on, below the range from which the system takes ports of its own for connections."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
