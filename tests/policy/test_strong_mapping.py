"""The SID of an account: only from one well-formed SAN URI, and only where the profile says so."""

import pytest

from shared.errors import PolicyViolation
from shared.policy.strong_mapping import SID_URI, mapped_sid
from shared.x509.general_names import GeneralName
from tests.policy.material import SID

URI = GeneralName.uri(SID_URI + SID)
OTHER = GeneralName.uri(SID_URI + "S-1-5-21-1-2-3-500")


@pytest.mark.parametrize("mapping", ["optional", "required"])
def test_the_sid_of_a_uri_is_read(mapping: str) -> None:
    assert mapped_sid([GeneralName.dns("a"), URI], mapping) == SID  # type: ignore[arg-type]


def test_without_a_uri_there_is_no_sid() -> None:
    assert mapped_sid([GeneralName.uri("urn:uuid:1")], "optional") is None
    assert mapped_sid([], "off") is None
    with pytest.raises(PolicyViolation, match="is missing"):
        mapped_sid([GeneralName.uri("urn:uuid:1")], "required")


@pytest.mark.parametrize("uri", [SID_URI + SID, SID_URI.upper() + SID, " " + SID_URI + SID])
def test_what_looks_like_a_sid_uri_is_refused_where_the_profile_has_none(uri: str) -> None:
    with pytest.raises(PolicyViolation, match="is not allowed"):
        mapped_sid([GeneralName.uri(uri)], "off")


@pytest.mark.parametrize(
    "uri",
    [
        SID_URI,
        SID_URI + "S-1-5",
        SID_URI + "S-1-5-18",
        SID_URI + "S-1-5-32-544",
        SID_URI + "S-1-5-21-1-2-3",
        SID_URI + "S-1-5-21-1-2-3-4-5",
        SID_URI + "S-1-5-21-1-2-3-x",
        SID_URI + "S-1-5-21-1-2-3-99999999999",
        SID_URI + "s-1-5-21-1-2-3-4",
        SID_URI + SID + " ",
        SID_URI + SID + "\n",
        SID_URI.upper() + SID,
    ],
)
def test_a_uri_without_the_sid_of_an_account_is_refused(uri: str) -> None:
    with pytest.raises(PolicyViolation, match="does not hold the security identifier"):
        mapped_sid([GeneralName.uri(uri)], "optional")


def test_two_sids_are_refused() -> None:
    with pytest.raises(PolicyViolation, match="more than one"):
        mapped_sid([URI, OTHER], "optional")
