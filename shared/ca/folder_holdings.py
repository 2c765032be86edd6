"""The holdings of a CA as files: issuing.pem, issuing-2.pem and so on, each beside its key; root.pem and above-*.pem
for what is above; *.crl. Successors of before there were take-overs are called next-issuing.pem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from shared.asn1.pem import from_pem, pem
from shared.ca.holdings import Holdings, Own, own_pem
from shared.errors import KeyUnavailable, RequestError
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl

FIRST: Final = "issuing"
_WAITING: Final = "next-issuing"
_OWN: Final = re.compile(rf"{FIRST}(-[0-9]{{1,4}})?|{_WAITING}")


def own_stems(path: Path, suffix: str = ".pem") -> list[str]:
    """The names of files for keys of ours, in the order in which they were made."""
    found = [file.stem for file in path.glob(f"*{suffix}") if _OWN.fullmatch(file.stem)]
    return sorted(found, key=_number)


def next_stem(path: Path) -> str:
    """The name for one more key."""
    taken = [_number(stem) for suffix in (".pem", ".key") for stem in own_stems(path, suffix)]
    taken += [_number(file.stem.removeprefix("retired-")) for file in path.glob("retired-*.pem")]
    return f"{FIRST}-{max(taken) + 1}" if taken else FIRST


def read_holdings(path: Path) -> Holdings:
    """Raises KeyUnavailable where nothing is installed, or a file is not what its name says."""
    own = [each for stem in own_stems(path) for each in _own(path / f"{stem}.pem")]
    if not own:
        raise KeyUnavailable(f"no CA certificate {path / FIRST}.pem; run: python manage.py ca init")
    above = [each for file in _above_files(path) for each in certificates_in(file)]
    crls = [file.read_bytes() for file in sorted(path.glob("*.crl"))]
    return Holdings(tuple(own), tuple(above), tuple(crls))


def write_holdings(path: Path, holdings: Holdings, stems: Mapping[bytes, str]) -> None:
    """Make the files say what `holdings` do. `stems` has the file of each key, by SubjectPublicKeyInfo."""
    missing = [own for own in holdings.own if own.certificate.spki not in stems]
    if missing:
        raise KeyUnavailable(f"{path}: there is no key for {missing[0].certificate.subject.text()}")
    texts: dict[str, bytes] = {}
    for own in holdings.own:
        stem = stems[own.certificate.spki]
        texts[stem] = texts.get(stem, b"") + own_pem(own)
    for stem, text in texts.items():
        _write(path / f"{stem}.pem", text)
    for stem in set(own_stems(path)) - texts.keys():
        for suffix in (".pem", ".key"):  # the key stays: only people delete keys
            (path / f"{stem}{suffix}").replace(path / f"retired-{stem}{suffix}")
    _write_above(path, holdings.above)
    for der in holdings.crls:
        _write(path / _crl_name(path, der), der)


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all: whoever is cut off leaves no half of a file behind."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        write_whole(path, data)


def _write_above(path: Path, certificates: tuple[Certificate, ...]) -> None:
    known = {each.der for file in _above_files(path) for each in certificates_in(file)}
    for certificate in certificates:
        if certificate.der in known:
            continue
        is_root = certificate.subject.encoded == certificate.issuer.encoded
        first = is_root and not (path / "root.pem").exists()
        name = "root.pem" if first else f"above-{certificate.serial_hex}.pem"
        write_whole(path / name, pem("CERTIFICATE", certificate.der))


def _crl_name(path: Path, der: bytes) -> str:
    """root.crl for that of root.pem, which is where it always was."""
    key_id = parse_crl(der).authority_key_identifier or b""
    root = path / "root.pem"
    own = root.exists() and certificates_in(root)[0].subject_key_identifier == key_id
    return "root.crl" if own else f"root-{key_id.hex()[:16]}.crl"


def _above_files(path: Path) -> Iterator[Path]:
    yield from (file for file in (path / "root.pem", *sorted(path.glob("above-*.pem"))) if file.exists())


def certificates_in(path: Path) -> list[Certificate]:
    """Every certificate in a PEM file. Raises KeyUnavailable if there is none."""
    try:
        blocks = from_pem(path.read_bytes())
        found = [Certificate.from_der(der) for label, der in blocks if label == "CERTIFICATE"]
    except FileNotFoundError:
        raise KeyUnavailable(f"no CA certificate {path}; run: python manage.py ca init") from None
    except OSError as error:
        raise KeyUnavailable(f"{path} cannot be read: {error.strerror}") from None
    except RequestError:
        found = []
    if not found:
        raise KeyUnavailable(f"{path} does not hold a PEM certificate")
    return found


def _own(path: Path) -> tuple[Own, ...]:
    first = certificates_in(path)[0]
    text = path.read_bytes()
    if path.stem == _WAITING and b"Issues-From:" not in text:
        return (Own(first, None),)
    try:
        return Holdings.parse(text).own
    except RequestError as error:
        raise KeyUnavailable(f"{path}: {error.reason}") from None


def _number(stem: str) -> int:
    if stem == _WAITING:
        return 2
    return int(stem.removeprefix(FIRST).removeprefix("-") or 1)
