"""Microsoft's side, for tests and the demo: what Scepter asks of Entra, Graph and Intune, over https on loopback.

As strict as the services about headers, bodies, tokens and versions, as far as that is public. Every call is recorded
in order, and each can be told to go wrong. A further service is a further `Part`.
"""

from fakes.microsoft.faults import Code, Fault, Garbage, Hold, Lost, Reset, Slow, Status, Unrecorded
from fakes.microsoft.service import FakeIntune

__all__ = [
    "Code",
    "FakeIntune",
    "Fault",
    "Garbage",
    "Hold",
    "Lost",
    "Reset",
    "Slow",
    "Status",
    "Unrecorded",
]
