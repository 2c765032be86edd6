"""A profile decides: which requests it lets pass, what the certificate then says, and for how long."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from cryptography import x509
from pydantic import ValidationError

from shared.asn1 import oids
from shared.errors import AlgorithmRefused, PolicyViolation
from shared.policy.profile import Profile
from shared.x509.certificate import Certificate
from tests.policy.material import (
    NOW,
    SID,
    SID_URI,
    ec_key,
    make_profile,
    make_request,
    rsa_key,
)
from tests.x509.material import key as signing_key
from tests.x509.material import make_certificate

DAY = timedelta(days=1)


def issue(profile: Profile, request_fields: Mapping[str, object]) -> x509.Certificate:
    """The certificate that would come of it, as pyca reads it."""
    request = make_request(**request_fields)  # type: ignore[arg-type]
    certificate: Certificate = make_certificate(profile.authorize(request, now=NOW), signing_key(holder="ca"))
    return x509.load_der_x509_certificate(certificate.der)


def test_a_certificate_says_what_was_asked_for_and_allowed() -> None:
    wanted = {
        "sans": ["dns:laptop-1.example.org"],
        "key_usage": ["digitalSignature"],
        "purposes": [oids.EKU_CLIENT_AUTH],
    }
    certificate = issue(make_profile(), wanted)
    extensions = {extension.oid.dotted_string: extension for extension in certificate.extensions}
    assert list(extensions) == [
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.SUBJECT_ALTERNATIVE_NAME,
        oids.SUBJECT_KEY_IDENTIFIER,
    ]
    assert [extension.critical for extension in extensions.values()] == [True, True, False, False, False]
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_encipherment
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["laptop-1.example.org"]
    identifier = x509.SubjectKeyIdentifier.from_public_key(rsa_key().public_key())
    assert certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value == identifier


def test_a_request_without_usages_gets_the_defaults() -> None:
    certificate = issue(make_profile(), {})
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, True)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [purpose.dotted_string for purpose in purposes] == [oids.EKU_CLIENT_AUTH]


def test_a_profile_without_purposes_issues_no_extended_key_usage() -> None:
    certificate = issue(make_profile(extended_key_usage={}), {})
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_the_subject_and_key_are_copied_byte_for_byte() -> None:
    request = make_request("CN=Žofie+O=Example")
    template = make_profile().authorize(request, now=NOW)
    assert template.subject.encoded == request.subject.encoded
    assert template.spki == request.spki


def test_an_empty_subject_makes_the_san_critical() -> None:
    certificate = issue(make_profile(), {"subject": "", "sans": ["dns:a.example.org"]})
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_a_request_that_names_nobody_is_refused() -> None:
    with pytest.raises(PolicyViolation, match="names nobody"):
        make_profile().authorize(make_request(""), now=NOW)


def test_a_request_to_become_a_ca_is_refused() -> None:
    request = make_request(extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
    with pytest.raises(PolicyViolation) as refused:
        make_profile().authorize(request, now=NOW)
    assert refused.value.public == "A CA certificate is not issued here."


def test_other_extensions_of_a_request_are_ignored() -> None:
    stranger = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.5"), None)])
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    request = make_request(extensions=[(stranger, True), (policy, False), (constraints, True)])
    template = make_profile().authorize(request, now=NOW)
    assert {"1.2.3.4", oids.CERTIFICATE_POLICIES}.isdisjoint(
        {extension.oid for extension in template.extensions}
    )


def test_a_weak_key_is_refused_as_an_algorithm() -> None:
    with pytest.raises(AlgorithmRefused):
        make_profile().authorize(make_request(key=rsa_key(1024)), now=NOW)
    with pytest.raises(AlgorithmRefused):
        make_profile().authorize(make_request(key=ec_key()), now=NOW)


def test_an_ec_key_gets_only_usages_that_it_can_serve() -> None:
    template = make_profile(key=["P-256"]).grant(make_request(key=ec_key()))
    assert template.key_usage == {"digitalSignature"}


def test_sid_extension_is_derived_from_the_uri() -> None:
    profile = make_profile(strong_mapping="required", sid_extension=True)
    certificate = issue(profile, {"sans": ["dns:a", f"uri:{SID_URI}"]})
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oids.MS_NTDS_CA_SECURITY))
    assert not extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert SID.encode() in extension.value.value


def test_sid_extension_is_never_copied_from_a_request() -> None:
    forged = x509.UnrecognizedExtension(x509.ObjectIdentifier(oids.MS_NTDS_CA_SECURITY), b"\x30\x00")
    for profile in (make_profile(), make_profile(strong_mapping="optional", sid_extension=True)):
        template = profile.authorize(make_request(extensions=[(forged, False)]), now=NOW)
        assert oids.MS_NTDS_CA_SECURITY not in {extension.oid for extension in template.extensions}


def test_without_sid_extension_the_uri_stays_in_the_san_alone() -> None:
    template = make_profile(strong_mapping="optional").authorize(
        make_request(sans=[f"uri:{SID_URI}"]), now=NOW
    )
    assert oids.MS_NTDS_CA_SECURITY not in {extension.oid for extension in template.extensions}


@pytest.mark.parametrize(
    ("backdate", "promised", "starts_before", "life"),
    [
        (0 * DAY, None, 0 * DAY, 365 * DAY),
        (DAY, None, DAY, 365 * DAY),
        (DAY, 30 * DAY, DAY, 30 * DAY),
        (DAY, 1000 * DAY, DAY, 365 * DAY),
        (DAY, DAY, DAY / 2, DAY),
    ],
)
def test_back_dating_comes_out_of_the_life(
    backdate: timedelta, promised: timedelta | None, starts_before: timedelta, life: timedelta
) -> None:
    template = make_profile().authorize(make_request(), now=NOW, backdate=backdate, validity=promised)
    assert template.not_before == NOW - starts_before
    assert template.not_after - template.not_before == life


def test_times_are_whole_seconds() -> None:
    template = make_profile().authorize(make_request(), now=NOW.replace(microsecond=999_999))
    assert template.not_before.microsecond == template.not_after.microsecond == 0
    assert template.not_before <= NOW.replace(microsecond=999_999)


def test_apple_devices_always_get_the_validity_of_the_profile() -> None:
    apple, mixed = make_profile(platforms=["ios", "macos"]), make_profile(platforms=["ios", "windows"])
    for profile, days in ((apple, 365), (mixed, 30), (make_profile(), 30)):
        template = profile.authorize(make_request(), now=NOW, validity=30 * DAY)
        assert template.not_after - template.not_before == days * DAY


def test_renewal_needs_both_the_switch_and_the_window() -> None:
    start, end = NOW - 90 * DAY, NOW + 10 * DAY
    assert make_profile(certificate_only_renewal=True).renewal_open(start, end, NOW)
    assert not make_profile(certificate_only_renewal=True).renewal_open(start, end, NOW - 20 * DAY)
    assert not make_profile().renewal_open(start, end, NOW)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "Device"}, "pattern"),
        ({"title": ""}, "at least 1 character"),
        ({"holder": "printer"}, "'device' or 'user'"),
        ({"challenge": "none"}, "'sealed', 'static', 'intune' or 'pkcs'"),
        ({"validity": 0}, "greater than or equal to 1"),
        ({"validity": "365"}, "valid integer"),
        ({"validity": True}, "valid integer"),
        ({"legacy_algorithms": 1}, "valid boolean"),
        ({"key": []}, "at least one"),
        ({"key": ["RSA-2048", "RSA-4096"]}, "two RSA sizes"),
        ({"key": ["RSA-1024"]}, "Input should be 'RSA-2048'"),
        ({"subject": {"XX": {}}}, "known attribute type"),
        ({"subject": {"CN": {}, "2.5.4.3": {}}}, "two rules"),
        ({"subject": {"CN": {"pattern": "("}}}, "not a usable pattern"),
        ({"subject": {"CN": {"min": 3, "max": 2}}}, "min is more than max"),
        ({"subject": {"CN": {"patern": "x"}}}, "Extra inputs"),
        ({"san": {"rid": {}}}, "Extra inputs"),
        ({"sid_extension": True}, "strong_mapping must be on"),
        ({"challenge": "static", "strong_mapping": "optional"}, "vouches for no account"),
        ({"challenge": "intune", "certificate_only_renewal": True}, "see every request"),
        ({"renewal_window": 30}, "no effect without certificate_only_renewal"),
        ({"challenge": "static", "challenge_lifetime": 60}, "no effect on challenges"),
        ({"challenge": "sealed", "integration": "default"}, "no effect without challenge"),
        ({"approval_days": 7}, "no effect without approval"),
        ({"approval": True, "approval_days": 0}, "greater than or equal to 1"),
        ({"approval": True, "approval_days": 91}, "less than or equal to 90"),
        ({"challenge": "intune", "approval": True}, "Intune has decided already"),
        ({"key": ["P-256"], "key_usage": {"allowed": ["keyEncipherment"]}}, "of kind EC"),
        ({"key_usage": {"allowed": ["keyCertSign"]}}, "Input should be 'digitalSignature'"),
        ({"extended_key_usage": {"allowed": ["anyExtendedKeyUsage"]}}, "known purpose"),
        ({"extended_key_usage": {"allowed": ["2.5.29.37.0"]}}, "never issued"),
        ({"supersede": -1}, "never"),
        ({"reply": "everything"}, "'leaf', 'issuer' or 'chain'"),
        ({"issuer": "x"}, "Extra inputs"),
    ],
)
def test_a_profile_that_speaks_against_itself_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make_profile(**fields)


def test_a_profile_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(make_profile(), "validity", 1)  # noqa: B010 - mypy knows better than to let it be written plainly


def test_a_request_waits_a_week_unless_the_profile_says_otherwise() -> None:
    assert make_profile(approval=True).patience == timedelta(days=7)
    assert make_profile(approval=True, approval_days=90).patience == timedelta(days=90)
    assert not make_profile().approval
