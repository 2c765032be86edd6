"""The outermost layer of a PFX: what is none, or not whole, is told from what is."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage
from shared.pfx.shell import check_shell
from tests.asn1.ber_forms import streamed
from tests.pfx.mail import holder, legacy

PFX = holder("shell").pfx()


def test_every_pfx_passes() -> None:
    check_shell(PFX)
    check_shell(holder("shell").pfx(protection=legacy()))
    check_shell(streamed(PFX))


@pytest.mark.parametrize("missing", [1, 2, 100, 1000])
def test_what_is_cut_off_is_told_with_its_length(missing: int) -> None:
    length = len(PFX) - missing
    with pytest.raises(MalformedMessage, match=rf"cut off: {length} of \d+ bytes"):
        check_shell(PFX[:length])


@pytest.mark.parametrize(
    "data",
    [
        *(b"junk", b"\x30", b"\x30\x00", b"\x30\x80", b"-----BEGIN CERTIFICATE-----", PFX + b"x"),
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff" + bytes(300),
        holder("shell").der(),
        bytes.fromhex("30080201023003060100"),
    ],
    ids=range(10),
)
def test_what_is_no_pfx_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"not a PFX|cut off") as refused:
        check_shell(data)
    assert refused.value.public[:-1].lower() == refused.value.reason.lower()


def test_nothing_is_no_pfx() -> None:
    with pytest.raises(MalformedMessage, match="empty"):
        check_shell(b"")


@given(
    st.binary(max_size=200) | st.builds(lambda cut, more: PFX[:cut] + more, st.integers(0, 60), st.binary())
)
def test_no_bytes_do_anything_else(data: bytes) -> None:
    with suppress(MalformedMessage):
        check_shell(data)
