"""Who asks: the address behind X-Forwarded-For, as far as it can be believed.

Each hop appends the address that connected to it, so only the end of the list is true: Azure's front end wrote the
last entry, and whatever stands before it is the asker's own word, unless a proxy of ours wrote that.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import azure.functions as func

_LONGEST = 256


def source_of(req: func.HttpRequest, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The address of the last hop that is not in a `trusted` network; "-" where nobody wrote the header."""
    found = "-"
    for entry in reversed(req.headers.get("x-forwarded-for", "").split(",")):
        address = _address(entry)
        if address is None:
            break  # no hop of ours writes such a thing
        found = str(address)
        if not any(address in network for network in trusted):
            break
    return found


def agent_of(req: func.HttpRequest) -> str:
    """The User-Agent, cut to a length."""
    agent: str = req.headers.get("user-agent", "-")
    return agent[:_LONGEST]


def _address(entry: str) -> IPv4Address | IPv6Address | None:
    """An entry as front ends write it: an address, one with a port, or an IPv6 address in brackets with a port."""
    text = entry.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None
