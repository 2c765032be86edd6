"""What a SCEP server says of itself, as a client reads it: GetCACaps (RFC 8894 3.5).

Tolerant of what real servers send; each deviation becomes a `Finding` with its remedy.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.cms.algorithms import CIPHERS
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.keys.digests import DIGESTS

MAX_CAPABILITIES = 16 * 1024
# RFC 8894 3.5.2: SCEPStandard means all of these
_STANDARD = frozenset({"aes", "postpkioperation", "sha-256"})
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TEXT = ("text/plain", "application/x-pki-message", "application/octet-stream", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that works but should not be so: what was seen, and what mends it."""

    seen: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms of a request, by the names of the house: a digest and a content cipher."""

    digest: str
    cipher: str


LEGACY = Suite("sha1", "des-ede3-cbc")
"""What devices of the years before AES send, whatever the server advertises."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The keywords a server advertises, as it spells them; case does not count when they are looked for."""

    keywords: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    @classmethod
    def parse(cls, body: bytes, media_type: str = "text/plain") -> Capabilities:
        """From the answer to GetCACaps. Raises MalformedMessage if it is a web page or no text at all."""
        findings: list[Finding] = []
        text = _decode(body, findings)
        if media_type.lower() not in _TEXT:
            found = f"the capabilities come as {media_type}"
            findings.append(Finding(found, "send them as text/plain (RFC 8894 3.5.2)"))
        keywords = tuple(dict.fromkeys(_keywords(text, findings)))
        return cls(keywords, tuple(findings))

    def has(self, keyword: str) -> bool:
        """Whether `keyword` is advertised, by itself or by SCEPStandard."""
        known = {each.lower() for each in self.keywords}
        return keyword.lower() in (known | _STANDARD if "scepstandard" in known else known)

    def suite(self) -> Suite:
        """The first digest and cipher of the house that are advertised and sound. Raises AlgorithmRefused."""
        digest = next((each.name for each in DIGESTS if self._offers(each.legacy, each.scep_capability)), "")
        cipher = next((each.name for each in CIPHERS if self._offers(each.legacy, each.scep_capability)), "")
        if not digest or not cipher:
            missing = "SHA-256 or better" if not digest else "AES"
            advertised = " ".join(self.keywords) or "nothing"
            raise AlgorithmRefused(f"the server does not advertise {missing}, but {advertised}")
        return Suite(digest, cipher)

    def _offers(self, legacy: bool, capability: str | None) -> bool:
        return not legacy and capability is not None and self.has(capability)


def _decode(body: bytes, findings: list[Finding]) -> str:
    if len(body) > MAX_CAPABILITIES:
        raise MalformedMessage(f"an answer to GetCACaps of {len(body)} octets")
    encoding = "utf-8"
    for mark, name in _BYTE_ORDER_MARKS.items():
        if body.startswith(mark):
            encoding = name
            remedy = "send plain ASCII: most clients take the mark for a part of the first keyword"
            findings.append(Finding("the capabilities begin with a byte order mark", remedy))
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        raise MalformedMessage("an answer to GetCACaps that is no text") from None
    if text.lstrip().startswith("<"):
        raise MalformedMessage("an answer to GetCACaps that is a web page")
    return text


def _keywords(text: str, findings: list[Finding]) -> list[str]:
    stripped = text.strip()
    if stripped[:1] in ("{", "[", '"'):
        findings.append(Finding("the capabilities are JSON", "send one keyword a line, without quotes"))
        try:
            return [word for found in _strings(json.loads(stripped)) for word in found.split()]
        except (ValueError, RecursionError):
            raise MalformedMessage("an answer to GetCACaps that is neither lines nor JSON") from None
    if "," in stripped or ";" in stripped:
        findings.append(Finding("the capabilities are separated by commas", "send one keyword a line"))
    if re.search(r"\n[ \t\r]*\n", stripped):
        findings.append(Finding("there are empty lines between the capabilities", "leave them out"))
    return [word for word in re.split(r"[\s,;]+", stripped) if word]


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value; of an object its keys unless their value is false, and its values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if each is True:
                yield name
            yield from _strings(each)
