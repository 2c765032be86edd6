"""Microsoft's userPFXCertificate objects, as its tool and as Graph write them."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AlgorithmRefused, MalformedMessage, PolicyViolation, RequestError
from shared.pfx.graph_format import read_certificates, read_order, to_graph
from shared.store.parcels import Purpose
from tests.pfx.imported_site import ImportSite
from tests.pfx.mail import USER, holder

OWNER = holder()
PFX = OWNER.pfx()


def document(**changes: Any) -> dict[str, Any]:
    """As the tool serialises it."""
    usual = {
        "thumbprint": OWNER.thumbprint.upper(),
        "intendedPurpose": "SmimeEncryption",
        "userPrincipalName": "Ann@example.org",
        "startDateTime": "2026-11-20T13:00:00.0000000+01:00",
        "expirationDateTime": "2027-11-20T12:00:00Z",
        "providerName": "Microsoft Software Key Storage Provider",
        "keyName": "import/v1",
        "paddingScheme": "OaepSha256",
        "encryptedPfxBlob": b64encode(PFX).decode(),
        "encryptedPfxPassword": b64encode(bytes(256)).decode(),
        "createdDateTime": "2026-11-20T13:00:00+01:00",
        "lastModifiedDateTime": "2026-11-20T13:00:00+01:00",
    }
    return {**usual, **changes}


def test_what_the_tool_writes_is_read() -> None:
    order = read_order(document())
    assert (order.user, order.thumbprint, order.purpose) == (USER, OWNER.thumbprint, Purpose.ENCRYPTION)
    assert order.not_before == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert order.not_after == datetime(2027, 11, 20, 12, tzinfo=UTC)
    assert (order.password.key, order.password.version, order.password.ciphertext) == (
        "import",
        "v1",
        bytes(256),
    )
    assert order.pfx == PFX


@pytest.mark.parametrize("purpose", ["smimeSigning", "SmimeSigning", 2])
@pytest.mark.parametrize("padding", ["oaepSha256", "OAEPSHA256", 3])
def test_values_may_be_written_in_any_way(purpose: object, padding: object) -> None:
    given_in_pascal = {
        name[0].upper() + name[1:]: value
        for name, value in document(intendedPurpose=purpose, paddingScheme=padding).items()
    }
    assert read_order(given_in_pascal).purpose is Purpose.SIGNING


@pytest.mark.parametrize(
    "padding", ["OaepSha512", "oaepSha384", "None", "Pkcs1", "OaepSha1", 5, 4, 0, 99, None]
)
def test_other_padding_is_refused_with_the_remedy(padding: object) -> None:
    with pytest.raises(AlgorithmRefused, match="PaddingScheme OaepSha256"):
        read_order(document(paddingScheme=padding))


@pytest.mark.parametrize("purpose", ["unassigned", "VPN", "Wifi", 8, 0])
def test_other_purposes_are_refused(purpose: object) -> None:
    with pytest.raises(PolicyViolation, match="only smimeEncryption and smimeSigning"):
        read_order(document(intendedPurpose=purpose))


@pytest.mark.parametrize("changes", [{"encryptedPfxBlob": "AA=="}, {"encryptedPfxPassword": ""}])
def test_what_was_read_from_graph_has_no_contents(changes: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage, match="Graph does not give it back"):
        read_order(document(**changes))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"thumbprint": "junk"}, "thumbprint"),
        ({"userPrincipalName": "ann"}, "userprincipalname"),
        ({"startDateTime": "yesterday"}, "startdatetime"),
        ({"startDateTime": "2026-11-20T13:00:00"}, "startdatetime"),
        ({"keyName": ""}, "keyname"),
        ({"encryptedPfxBlob": "***"}, "encryptedpfxblob"),
        ({"intendedPurpose": None}, "intendedpurpose"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError, match=field) as refused:
        read_order(document(**changes))
    assert "***" not in refused.value.reason


def test_a_file_holds_one_a_list_or_an_answer_of_graph() -> None:
    one = document()
    for text in (json.dumps(one), json.dumps([one]), json.dumps({"@odata.context": "x", "value": [one]})):
        assert read_certificates(text) == [one]


@pytest.mark.parametrize("text", ["", "junk", "[]", "[1]", '"x"', "null", '{"value": []}', "[[]]"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        for each in read_certificates(text):
            read_order(each)


@given(
    st.dictionaries(
        st.sampled_from([*document()]), st.none() | st.text(max_size=5) | st.integers() | st.booleans()
    )
)
def test_no_object_does_anything_else(changes: dict[str, Any]) -> None:
    with suppress(RequestError):
        read_order(document(**changes))


def test_what_is_made_for_graph_is_read_back() -> None:
    site = ImportSite()
    order = site.order(OWNER)
    made = to_graph(order, provider="KSP", padding="oaepSha256", created_at=site.now)
    assert made["@odata.type"] == "#microsoft.graph.userPFXCertificate"
    assert made["providerName"] == "KSP"
    again = read_order(json.loads(json.dumps(made)))
    assert (again.user, again.thumbprint, again.purpose, again.pfx) == (
        *(order.user, order.thumbprint, order.purpose, order.pfx),
    )
    assert again.password.ciphertext == order.password.ciphertext
    assert (again.not_before, again.not_after) == (order.not_before, order.not_after)
