"""A bundle for whoever helps: traces without the people and machines in them, which stay apart by number."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PERSONAL: Final = ("device", "user", "subject", "source")
_SHORTEST: Final = 3  # a shorter name would be found in the middle of words


def bundle(traces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The traces (JSON of the management API), redacted.

    Devices, users, subjects and addresses become `device-1`, `user-1` and so on, the same for the same value, wherever
    they are named; values inside quotes in a cause, which quote the request or the order, become "...".
    """
    names = _names(traces)
    return {"kind": "scepter-traces", "version": 1, "traces": [_redacted(trace, names) for trace in traces]}


def _names(traces: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Value to what stands for it; the longest value first, as one may hold another."""
    names: dict[str, str] = {}
    for kind in _PERSONAL:
        values = dict.fromkeys(str(trace[kind]) for trace in traces if trace.get(kind) not in (None, "", "-"))
        names |= {value: f"{kind}-{number}" for number, value in enumerate(values, 1) if value not in names}
    return dict(sorted(names.items(), key=lambda item: -len(item[0])))


def _redacted(trace: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(json.dumps(trace))
    for kind in _PERSONAL:
        kept[kind] = names.get(str(kept.get(kind)), kept.get(kind))
    for told in ("cause", "transaction"):
        kept[told] = _replaced(str(kept.get(told, "")), names)
    kept["cause"] = re.sub(r"'[^']*'|\"[^\"]*\"", '"..."', kept["cause"])
    return kept


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for value, stand_in in names.items():
        if len(value) >= _SHORTEST:
            text = re.sub(re.escape(value), stand_in, text, flags=re.IGNORECASE)
    return text
