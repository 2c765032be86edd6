"""Hypothesis strategies: random DER trees, made with the writer."""

from __future__ import annotations

from hypothesis import strategies as st

from shared.asn1 import writer

primitives = st.one_of(
    st.binary(max_size=300).map(writer.octet_string),
    st.binary(max_size=150).map(writer.bit_string),
    st.integers(-(2**70), 2**70).map(writer.integer),
    st.text(max_size=20).map(writer.utf8_string),
    st.booleans().map(writer.boolean),
    st.just(writer.null()),
    st.binary(max_size=20).map(lambda octets: writer.context(3, octets, constructed=False)),
)


def _containers(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    lists = st.lists(children, max_size=5)
    return st.one_of(
        lists.map(lambda parts: writer.sequence(*parts)),
        lists.map(writer.set_of),
        lists.map(lambda parts: writer.context(0, b"".join(parts))),
    )


trees = st.recursive(primitives, _containers, max_leaves=25)
