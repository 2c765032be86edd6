"""Strong mapping of certificates to Windows accounts: the SID in a SAN URI (MS-PKCA 3.1.5.2.1.6, KB5014754).

The extension 1.3.6.1.4.1.311.25.2 is derived from a validated URI and never taken from a request:
whoever could put it there could become any account of the domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from shared.policy.patterns import Pattern
from shared.policy.refusal import quoted, refusal
from shared.x509.general_names import GeneralName

SID_URI = "tag:microsoft.com,2022-09-14:sid:"
StrongMapping = Literal["off", "optional", "required"]
# MS-DTYP 2.4.2.1: accounts of a domain are S-1-5-21, the domain's three numbers, and their own
_ACCOUNT = Pattern("S-1-5-21-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,10}")


def is_sid_uri(name: GeneralName) -> bool:
    """Whether the name is a SID URI or could be taken for one by a lenient reader."""
    return name.kind == "uri" and name.value.strip().casefold().startswith(SID_URI)


def mapped_sid(names: Sequence[GeneralName], mapping: StrongMapping) -> str | None:
    """The account's SID in textual form, None if there is none. Raises PolicyViolation."""
    found = [name.value for name in names if is_sid_uri(name)]
    if not found:
        if mapping == "required":
            raise refusal("The SAN URI with the account's security identifier is missing")
        return None
    if mapping == "off":
        raise refusal("A security identifier in the SAN is not allowed", quoted(found[0]))
    if len(found) > 1:
        raise refusal("The SAN names more than one security identifier")
    sid = found[0].removeprefix(SID_URI)
    if not _ACCOUNT.matches(sid):
        raise refusal("The SAN URI does not hold the security identifier of an account", quoted(found[0]))
    return sid


def check_sid(sid: str) -> str:
    """`sid` if it is the textual security identifier of an account. Raises PolicyViolation."""
    if not _ACCOUNT.matches(sid):
        raise refusal("The security identifier is not that of an account", quoted(sid))
    return sid
