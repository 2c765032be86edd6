"""Drafts made in a tenant. What is there by its name and type stays as it is: what differs is told, not changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.intune.graph_call import call, everything
from shared.intune.setup.draft import CONFIGURATIONS, Draft
from shared.intune.wire import Wire

_PERMISSION: Final = "DeviceManagementConfiguration.ReadWrite.All"
Outcome = Literal["made", "would be made", "is there", "differs", "skipped"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a draft; `id` is Graph's, empty if there is none."""

    draft: Draft
    outcome: Outcome
    id: str = ""
    text: str = ""


def apply(wire: Wire, drafts: Iterable[Draft], *, dry_run: bool = False) -> list[Applied]:
    """Make what is not there, in the order of `drafts`. Raises IntuneUnavailable, PermissionMissing, GraphRefusal."""
    url = wire.tenant.graph(CONFIGURATIONS, version="beta")
    known = {
        (str(each.get("@odata.type")), str(each.get("displayName"))): each for each in _listed(wire, url)
    }
    ids: dict[str, str] = {}
    done: list[Applied] = []
    for draft in drafts:
        found = known.get((f"#microsoft.graph.{draft.type}", draft.name))
        applied = _compared(draft, found) if found else _made(wire, url, draft, ids, dry_run=dry_run)
        if applied.id:
            ids[draft.key] = applied.id
        done.append(applied)
    return done


def _listed(wire: Wire, url: str) -> list[Mapping[str, Any]]:
    return everything(wire, url, _PERMISSION)


def _compared(draft: Draft, found: Mapping[str, Any]) -> Applied:
    differing = sorted(
        name for name, value in draft.properties.items() if name in found and not _same(value, found[name])
    )
    if differing:
        return Applied(draft, "differs", str(found["id"]), f"not as here: {', '.join(differing)}")
    return Applied(draft, "is there", str(found["id"]))


def _made(wire: Wire, url: str, draft: Draft, ids: Mapping[str, str], *, dry_run: bool) -> Applied:
    if draft.missing:
        return Applied(draft, "skipped", text=f"give {' and '.join(draft.missing)}")
    wanted = [key for keys in draft.links.values() for key in (keys if isinstance(keys, tuple) else (keys,))]
    if dry_run:
        return Applied(draft, "would be made")
    absent = [key for key in wanted if key not in ids]
    if absent:
        return Applied(draft, "skipped", text=f"needs {absent[0]}, which was not made")
    document = draft.document(ids, wire.tenant.graph("", version="beta").rstrip("/"))
    made = call(wire, "POST", url, _PERMISSION, document, repeatable=False).document or {}
    return Applied(draft, "made", str(made.get("id", "")))


def _same(ours: Any, theirs: Any) -> bool:  # noqa: ANN401 - JSON
    """Graph adds types and orders flags as it likes."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(_same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(_same(value, theirs.get(name)) for name, value in ours.items())
    if isinstance(ours, str) and isinstance(theirs, str):
        return sorted(ours.lower().split(",")) == sorted(theirs.lower().split(","))
    return bool(ours == theirs)
