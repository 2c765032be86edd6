"""ASP.NET route templates as the real host's router reads them: `{id}`, `{id:int?}`, `{name}.crl`, `{*rest}`."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from local.app import Function
from local.failures import AppRefused

PARAMETER = re.compile(r"(/?)\{(\*{0,2})(\w+)(?::(alpha|guid|int|long))?(\?)?\}")
GUID = "[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"  # patterns ignore case
CONSTRAINTS = {None: "[^/]+", "alpha": "[A-Z]+", "guid": GUID, "int": r"-?\d{1,10}", "long": r"-?\d{1,19}"}


class Routes:
    """Finds the function of a request: text goes before constrained, free and catch-all segments."""

    def __init__(self, prefix: str, functions: Iterable[Function]) -> None:
        self._routes = []
        for function in (f for f in functions if f.kind == "httpTrigger"):
            route = str(function.trigger["route"]).strip("/")
            if route.lower().startswith(("admin", "runtime")) or re.search(r"[{}]", PARAMETER.sub("", route)):
                raise AppRefused(f"{function.name}: the host refuses or cannot read the route {route}.")
            template = f"{prefix}/{route}".strip("/")
            ranks = [_rank(segment) for segment in template.split("/")]
            self._routes.append((ranks, _pattern(template), function.trigger.get("methods"), function))
        self._routes.sort(key=lambda entry: entry[0])

    def find(self, method: str, raw_path: str) -> tuple[Function | None, dict[str, str]]:
        """The function and its route parameters; None is a 404, for a method that is not listed too."""
        # The front end decodes a path before it is routed, all but an encoded slash.
        path = unquote(re.sub("%2[fF]", "%252F", raw_path)).strip("/")
        for _, pattern, methods, function in self._routes:
            if (match := pattern.fullmatch(path)) and (not methods or method in methods):
                return function, {name: text for name, text in match.groupdict().items() if text is not None}
        return None, {}


def _pattern(template: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for match in PARAMETER.finditer(template):
        slash, rest, name, constraint, optional = match.groups()
        value = f"{slash}(?P<{name}>{'.*' if rest else CONSTRAINTS[constraint]})"
        pattern += re.escape(template[end : match.start()]) + (f"(?:{value})?" if rest or optional else value)
        end = match.end()
    return re.compile(pattern + re.escape(template[end:]), re.IGNORECASE)


def _rank(segment: str) -> int:
    # ASP.NET's precedence: text, then constrained or mixed with text, then free, then the rest of the path.
    free = re.fullmatch(r"{\w+\??}", segment)
    return 1 if "{" not in segment else 5 if "{*" in segment else 3 if free else 2
