"""PEM there and back, and what is none."""

from __future__ import annotations

from base64 import b64encode

import pytest

from shared.asn1.pem import from_pem, is_pem, pem
from shared.errors import MalformedMessage


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 1000, 48 * 4096 - 1, 48 * 4096, 48 * 4096 + 1, 500_000])
def test_what_was_written_is_read(size: int) -> None:
    text = pem("CERTIFICATE", bytes(size))
    assert from_pem(text) == [("CERTIFICATE", bytes(size))]
    lines = text.splitlines()[1:-1]
    assert all(len(line) == 64 for line in lines[:-1])
    assert b"".join(lines) == b64encode(bytes(size))


def test_several_blocks_and_the_text_around_them() -> None:
    text = b"subject=CN = x\n" + pem("CERTIFICATE", b"a") + b"more\n" + pem("X509 CRL", b"b")
    assert from_pem(text) == [("CERTIFICATE", b"a"), ("X509 CRL", b"b")]
    assert from_pem(text.replace(b"\n", b"\r\n")) == from_pem(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x30\x00",
        b"-----BEGIN A-----\nAAAA\n",
        b"-----BEGIN A-----\nAAAA\n-----END B-----\n",
        b"-----BEGIN A-----\n!!!!\n-----END A-----\n",
        b"-----BEGIN A-----\nAAA\n-----END A-----\n",
        pem("A", b"x") + b"-----BEGIN B-----\n",
    ],
)
def test_what_is_no_pem_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedMessage):
        from_pem(text)


def test_it_is_told_from_der() -> None:
    assert is_pem(b"words before\n" + pem("CERTIFICATE", b"x"))
    assert not is_pem(b"\x30\x03\x02\x01\x05")
