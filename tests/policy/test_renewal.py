"""A renewal keeps its names, whatever their encoding."""

import pytest

from shared.asn1 import tags, writer
from shared.errors import PolicyViolation
from shared.policy.renewal import check_same_names
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest
from tests.policy.material import NOW, make_profile, make_request
from tests.x509.material import key as signing_key
from tests.x509.material import make_certificate
from tests.x509.material import make_request as request_der
from tests.x509.material import subject as subject_der

NAMES = ["dns:laptop-1.example.org", "dns:laptop-1"]


def certificate(subject: str, sans: list[str]) -> Certificate:
    template = make_profile().authorize(make_request(subject, sans), now=NOW)
    return make_certificate(template, signing_key(holder="ca"))


@pytest.mark.parametrize(
    ("subject", "sans"),
    [
        ("CN=laptop-1,O=Example", NAMES),
        ("CN=LAPTOP-1,O=example", NAMES),
        ("CN=laptop-1,O=Example", list(reversed(NAMES))),
        ("CN=laptop-1,O=Example", ["dns:LAPTOP-1", NAMES[0]]),
    ],
)
def test_the_same_names_by_meaning_pass(subject: str, sans: list[str]) -> None:
    check_same_names(make_request(subject, sans), certificate("CN=laptop-1,O=Example", NAMES))


def test_another_string_type_is_the_same_name() -> None:
    bmp = writer.tlv(tags.BMP_STRING, "laptop-1".encode("utf-16-be"))
    request = CertificateRequest.from_der(request_der(name=subject_der(bmp)))
    check_same_names(request, certificate("CN=laptop-1", []))


@pytest.mark.parametrize("subject", ["CN=laptop-2,O=Example", "O=Example,CN=laptop-1", "CN=laptop-1", ""])
def test_another_subject_is_refused(subject: str) -> None:
    with pytest.raises(PolicyViolation) as refused:
        check_same_names(make_request(subject, NAMES), certificate("CN=laptop-1,O=Example", NAMES))
    assert refused.value.public == "The subject is not that of the certificate being renewed."


@pytest.mark.parametrize("sans", [NAMES[:1], [*NAMES, "dns:other"], [], ["email:laptop-1@example.org"]])
def test_other_sans_are_refused(sans: list[str]) -> None:
    with pytest.raises(PolicyViolation) as refused:
        check_same_names(make_request("CN=a", sans), certificate("CN=a", NAMES))
    assert refused.value.public == "The SANs are not those of the certificate being renewed."
    assert NAMES[0] in refused.value.reason
