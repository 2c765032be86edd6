"""ASP.NET route templates as the real host's router reads them: `{id}`, `{id:int?}`, `{name}.crl`, `{*rest}`."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from local.app import Function
from local.failures import AppRefused

PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(?::(\w+))?(\?)?\}")
GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
CONSTRAINTS = {
    None: r"[^/]+",
    "alpha": r"[A-Za-z]+",
    "guid": GUID,
    "int": r"-?\d{1,10}",
    "long": r"-?\d{1,19}",
}


class Routes:
    """Finds the function of a request: literal segments go before constrained, free and catch-all ones."""

    def __init__(self, prefix: str, functions: Iterable[Function]) -> None:
        self._routes = []
        for function in (f for f in functions if f.kind == "httpTrigger"):
            route = str(function.trigger["route"]).strip("/")
            if route.lower().startswith(("admin", "runtime")):
                raise AppRefused(
                    f"{function.name}: the real host refuses a route that starts with {route[:7]!r}."
                )
            rank, pattern = _compile([s for s in f"{prefix}/{route}".split("/") if s], function.name)
            self._routes.append((rank, pattern, function.trigger.get("methods"), function))
        self._routes.sort(key=lambda entry: entry[0])

    def find(self, method: str, raw_path: str) -> tuple[Function, dict[str, str]] | None:
        """The function and its route parameters; None where the real host answers 404 (also: no such method)."""
        # The front end decodes a path before it is routed, all but an encoded slash.
        path = unquote(re.sub("%2[fF]", "%252F", raw_path)).strip("/")
        for _, pattern, methods, function in self._routes:
            match = pattern.fullmatch(path)
            if match and (not methods or method in methods):
                return function, {
                    name: value for name, value in match.groupdict().items() if value is not None
                }
        return None


def _compile(segments: list[str], name: str) -> tuple[list[int], re.Pattern[str]]:
    ranks, pattern = [], ""
    for segment in segments:
        slash = "/" if pattern else ""
        part, end = "", 0
        for match in PARAMETER.finditer(segment):
            if match[3] not in CONSTRAINTS:
                raise AppRefused(
                    f"{name}: the embedded host does not know the route constraint {match[3]!r}."
                )
            value = ".*" if match[1] else CONSTRAINTS[match[3]]
            part += f"{re.escape(segment[end : match.start()])}(?P<{match[2]}>{value})"
            end = match.end()
        whole = PARAMETER.fullmatch(segment)
        optional = whole and (whole[1] or whole[4])
        pattern += f"(?:{slash}{part})?" if optional else slash + part + re.escape(segment[end:])
        # ASP.NET's precedence: text, then constrained or mixed with text, then free, then the rest of the path.
        ranks.append((5 if whole[1] else 2 if whole[3] else 3) if whole else 2 if end else 1)
    return ranks, re.compile(pattern, re.IGNORECASE)
