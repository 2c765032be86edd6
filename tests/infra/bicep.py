"""Bicep files as trees: what they declare, name and assign. There is no compiler here; types are not checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_DECLARING = {
    "parameter_declaration",
    "variable_declaration",
    "resource_declaration",
    "module_declaration",
    "output_declaration",
    "for_statement",
    "lambda_expression",
}
_NAMING = ("identifier", "parenthesized_expression", "for_loop_parameters")


@dataclass(frozen=True)
class Property:
    """`key: value` of an object; in a key that is computed, `${...}` stands for each expression."""

    key: str
    value: Node


@dataclass(frozen=True)
class BicepFile:
    """One file. `path` is where it lies, or would lie: modules are named relative to it."""

    path: Path
    source: str
    _root: Node = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_root", _PARSER.parse(self.source.encode()).root_node)

    @classmethod
    def read(cls, path: Path) -> BicepFile:
        return cls(path, path.read_text(encoding="utf-8"))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node, parents before children."""
        return tuple(_walk(self._root))

    def of_kind(self, *kinds: str) -> Iterator[Node]:
        return (node for node in self.nodes if node.type in kinds)

    def errors(self) -> list[int]:
        """Lines where the grammar is left."""
        return sorted({line(node) for node in self.nodes if node.is_error or node.is_missing})

    def declared(self, *kinds: str) -> dict[str, Node]:
        """Declarations by name; without `kinds` everything that gives a name, loop variables included."""
        found: dict[str, Node] = {}
        for node in self.of_kind(*(kinds or _DECLARING)):
            # A lambda of several parameters has them in parentheses, a loop with an index as children of their own.
            names = [child for child in node.children if child.type in _NAMING]
            for name in names[:1]:
                for inner in _walk(name):
                    if inner.type in ("identifier", "loop_variable", "loop_enumerator"):
                        found[text(inner)] = node
        return found

    def properties(self, node: Node | None = None) -> Iterator[Property]:
        """Every property below `node`, at any depth."""
        for child in _walk(node or self._root):
            if child.type == "object_property" and len(child.named_children) > 1:
                yield Property(_plain(child.named_children[0]), child.named_children[-1])

    def own_properties(self, node: Node) -> dict[str, Node]:
        """Key to value of the outermost object below `node`."""
        objects = [child for child in _walk(node) if child.type == "object"]
        members = (
            [child for child in objects[0].named_children if child.type == "object_property"]
            if objects
            else []
        )
        return {_plain(child.named_children[0]): child.named_children[-1] for child in members}

    def strings(self, node: Node | None = None) -> Iterator[str]:
        """Every string below `node`, `${...}` standing for its expressions."""
        return (_plain(child) for child in _walk(node or self._root) if child.type == "string")

    def list_of(self, variable: str) -> list[str]:
        """The strings that the variable holds."""
        return list(self.strings(self.declared("variable_declaration")[variable]))


def line(node: Node) -> int:
    return node.start_point[0] + 1


def text(node: Node) -> str:
    return (node.text or b"").decode()


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _plain(node: Node) -> str:
    if node.type != "string":
        return text(node)
    parts = (text(part) if part.type == "string_content" else "${...}" for part in node.named_children)
    return "".join(parts)
