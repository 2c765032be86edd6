"""Every variable and alias, users and devices, and awkward values: what is made is compared with DER byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.asn1 import writer
from shared.errors import PolicyViolation
from shared.policy.name_formats import SANFormat, SubjectFormat
from shared.policy.strong_mapping import SID_URI
from shared.policy.subject_variables import VARIABLES, Holder
from shared.x509.general_names import GeneralName

SID = "S-1-5-21-3623811015-3361044348-30300820-1013"
ATTRIBUTES = {
    "user.userName": "ann",
    "user.userPrincipalName": "ann@example.org",
    "user.emailAddress": "ann.smith@example.org",
    "user.givenName": "Ann",
    "user.surname": "Smith",
    "user.department": "R&D",
    "user.onPremisesDistinguishedName": "CN=Ann Smith,OU=Users,DC=example,DC=org",
    "user.onPremisesSamAccountName": "EXAMPLE\\ann",
    "user.onPremisesUserPrincipalName": "ann@corp.example.org",
    "user.onPremisesSecurityIdentifier": SID,
    "device.intuneDeviceId": "6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11",
    "device.entraDeviceId": "e0f0c0a0-0000-4000-8000-000000000001",
    "device.deviceName": "LAPTOP-1",
    "device.serialNumber": "C02XK1JTJG5J",
    "device.imei": "490154203237518",
    "device.meid": "A0000049259B16",
    "device.wiFiMacAddress": "00:1B:44:11:3A:B7",
    "device.fullyQualifiedDomainName": "laptop-1.corp.example.org",
    "device.onPremisesSecurityIdentifier": SID,
}
# Microsoft's name -> the attribute it stands for; the device's where the certificate is a device's.
TABLE = {
    "UserName": "user.userName",
    "UserPrincipalName": "user.userPrincipalName",
    "EmailAddress": "user.emailAddress",
    "GivenName": "user.givenName",
    "SurName": "user.surname",
    "Department": "user.department",
    "OnPrem_Distinguished_Name": "user.onPremisesDistinguishedName",
    "OnPremisesSamAccountName": "user.onPremisesSamAccountName",
    "OnPremisesUserPrincipalName": "user.onPremisesUserPrincipalName",
    "AAD_Device_ID": "device.entraDeviceId",
    "AzureADDeviceId": "device.entraDeviceId",
    "DeviceId": "device.intuneDeviceId",
    "DeviceName": "device.deviceName",
    "SerialNumber": "device.serialNumber",
    "Device_Serial": "device.serialNumber",
    "IMEI": "device.imei",
    "IMEINumber": "device.imei",
    "Device_IMEI": "device.imei",
    "MEID": "device.meid",
    "WiFiMacAddress": "device.wiFiMacAddress",
    "FullyQualifiedDomainName": "device.fullyQualifiedDomainName",
}
OTHER_SPELLINGS = (
    "onPremisesSamAccountName",
    "SERIALNUMBER",
    "serialnumber",
    "imei",
    "aad_device_id",
    "USERNAME",
)
SPOOFED = {"DeviceName", "SerialNumber", "IMEI", "MEID", "WiFiMacAddress", "FullyQualifiedDomainName"}
AWKWARD = (
    "Smith, Ann",
    "a+b",
    "a;b",
    "a=b",
    'the "boss"',
    '"',
    "back\\slash",
    "\\,",
    "#hash",
    "#04024869",
    " leading",
    "trailing ",
    "  ",
    "<angle>",
    "a/b",
    "O'Brien",
    "CN=admin,O=Example",
    "CN=admin+OU=x",
    "{{UserName}}",
    "%s {0}",
    "Žofie Müller-Lüdenscheidt",
    "名前",
    "😀",
    "e\u0301",
    "x" * 64,
)


def der(*rdns: list[tuple[x509.ObjectIdentifier, str, _ASN1Type]]) -> bytes:
    """A Name by pyca, most significant RDN first."""
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                [x509.NameAttribute(oid, value, kind, _validate=False) for oid, value, kind in rdn]
            )
            for rdn in rdns
        ]
    ).public_bytes()


def common_name(value: str) -> tuple[x509.ObjectIdentifier, str, _ASN1Type]:
    return NameOID.COMMON_NAME, value, _ASN1Type.UTF8String


def subject(text: str, changes: Mapping[str, str] = MappingProxyType({}), holder: Holder = "user") -> bytes:
    return SubjectFormat.parse(text).build({**ATTRIBUTES, **changes}, holder).encoded


def test_the_table_has_every_variable() -> None:
    assert set(TABLE) | {"OnPremisesSecurityIdentifier"} == set(VARIABLES)


@pytest.mark.parametrize("name", TABLE)
def test_a_variable_stands_for_its_attribute(name: str) -> None:
    # The distinguished name alone would be the subject itself: with text before it, it is a value.
    expected = der([common_name(f"x {ATTRIBUTES[TABLE[name]]}")])
    for spelt in (name, name.upper(), name.lower(), f" {name} "):
        assert subject(f"CN=x {{{{{spelt}}}}}") == expected


@pytest.mark.parametrize("name", OTHER_SPELLINGS)
def test_spelling_is_as_it_comes(name: str) -> None:
    path = TABLE[next(known for known in TABLE if known.lower() == name.lower())]
    assert subject(f"CN={{{{{name}}}}}") == der([common_name(ATTRIBUTES[path])])


@pytest.mark.parametrize("name", TABLE)
def test_a_missing_attribute_is_named(name: str) -> None:
    for lacking in ({}, {TABLE[name]: ""}):
        attributes = {path: value for path, value in ATTRIBUTES.items() if path != TABLE[name]} | lacking
        with pytest.raises(PolicyViolation) as refused:
            SubjectFormat.parse(f"CN=x{{{{{name}}}}}").build(attributes, "user")
        assert refused.value.public.startswith(f"{TABLE[name]} is missing, which {{{{")


def test_who_is_of_the_user_and_who_of_the_device() -> None:
    for name, path in TABLE.items():
        assert VARIABLES[name].of == path.split(".")[0]
    assert {variable.name for variable in VARIABLES.values() if variable.reported} == SPOOFED


@pytest.mark.parametrize("value", AWKWARD, ids=ascii)
def test_an_awkward_value_survives_exactly(value: str) -> None:
    """Byte for byte: Microsoft's own pages say that a value with an escaped `+ , ; =` comes out wrong there."""
    made = subject(
        "CN={{UserName}},OU=a {{Department}} b,O=Example",
        {"user.userName": value, "user.department": value},
    )
    organization = (NameOID.ORGANIZATION_NAME, "Example", _ASN1Type.UTF8String)
    unit = (NameOID.ORGANIZATIONAL_UNIT_NAME, f"a {value} b", _ASN1Type.UTF8String)
    assert made == der([organization], [unit], [common_name(value)])


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_any_value_survives_exactly(value: str) -> None:
    text = "CN={{UserName}}+UID={{UserName}},O=Example"
    made = SubjectFormat.parse(text).build({"user.userName": value}, "user")
    assert [attribute.value for attribute in made.attributes() if attribute.value != "Example"] == [
        value,
        value,
    ]
    assert made.encoded == writer.sequence(*(writer.set_of(_pairs(rdn)) for rdn in made.rdns))


def _pairs(rdn: tuple[object, ...]) -> list[bytes]:
    return [
        writer.sequence(writer.oid(attribute.oid), writer.utf8_string(attribute.value))  # type: ignore[attr-defined]
        for attribute in rdn
    ]


@pytest.mark.parametrize(
    ("text", "rdns"),
    [
        ("CN=static", [[common_name("static")]]),
        ("", []),
        ('CN="{{UserName}}"', [[common_name("ann")]]),
        ("CN={{UserName}} - {{DeviceName}}", [[common_name("ann - LAPTOP-1")]]),
        ("CN={{UserName}}{{DeviceName}}", [[common_name("annLAPTOP-1")]]),
        ("CN=a\\, b {{UserName}}", [[common_name("a, b ann")]]),
        ('CN="quoted, {{UserName}}; \\"q\\""', [[common_name('quoted, ann; "q"')]]),
        ("CN=#{{UserName}}", [[common_name("#ann")]]),
        (
            "E={{EmailAddress}}",
            [[(NameOID.EMAIL_ADDRESS, "ann.smith@example.org", _ASN1Type.IA5String)]],
        ),
        (
            "serialNumber={{SerialNumber}}",
            [[(NameOID.SERIAL_NUMBER, "C02XK1JTJG5J", _ASN1Type.PrintableString)]],
        ),
        ("C=CZ", [[(NameOID.COUNTRY_NAME, "CZ", _ASN1Type.PrintableString)]]),
        (
            "G={{GivenName}},SN={{SurName}}",
            [
                [(NameOID.SURNAME, "Smith", _ASN1Type.UTF8String)],
                [(NameOID.GIVEN_NAME, "Ann", _ASN1Type.UTF8String)],
            ],
        ),
        (
            "CN=Ann;S=Washington",
            [[(NameOID.STATE_OR_PROVINCE_NAME, "Washington", _ASN1Type.UTF8String)], [common_name("Ann")]],
        ),
        (
            "{{OnPrem_Distinguished_Name}}",
            [
                [(NameOID.DOMAIN_COMPONENT, "org", _ASN1Type.IA5String)],
                [(NameOID.DOMAIN_COMPONENT, "example", _ASN1Type.IA5String)],
                [(NameOID.ORGANIZATIONAL_UNIT_NAME, "Users", _ASN1Type.UTF8String)],
                [common_name("Ann Smith")],
            ],
        ),
        ("CN={{OnPrem_Distinguished_Name}}", [[common_name("CN=Ann Smith,OU=Users,DC=example,DC=org")]]),
        ("2.5.4.65={{UserName}}", [[(NameOID.PSEUDONYM, "ann", _ASN1Type.UTF8String)]]),
    ],
)
def test_static_text_and_structure(
    text: str, rdns: list[list[tuple[x509.ObjectIdentifier, str, _ASN1Type]]]
) -> None:
    assert subject(text) == der(*rdns)


def test_several_attributes_of_one_rdn_are_a_set() -> None:
    made = subject("CN={{UserName}}+OU={{Department}},O=Example")
    organization = (NameOID.ORGANIZATION_NAME, "Example", _ASN1Type.UTF8String)
    unit = (NameOID.ORGANIZATIONAL_UNIT_NAME, "R&D", _ASN1Type.UTF8String)
    assert made == der([organization], [common_name("ann"), unit])


@pytest.mark.parametrize(
    "text",
    [
        "CN={{Nobody}}",
        "CN={{UserName}",
        "CN={{}}",
        "CN=}}",
        "CN={{User Name}}",
        "{{UserName}}",
        "CN",
        "CN=a,",
        "CN=a,,O=b",
        "XY=a",
        'CN="a',
        "CN=#0402",
        "CN={{OnPremisesSecurityIdentifier}}",
        "CN=a,{{OnPrem_Distinguished_Name}}",
    ],
)
def test_a_wrong_format_is_refused_before_any_request(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SubjectFormat.parse(text)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("E={{EmailAddress}}", {"user.emailAddress": "žofie@example.org"}),
        ("serialNumber={{SerialNumber}}", {"device.serialNumber": "a_b"}),
        ("{{OnPrem_Distinguished_Name}}", {"user.onPremisesDistinguishedName": "no name"}),
        ("{{OnPrem_Distinguished_Name}}", {"user.onPremisesDistinguishedName": "XX=1"}),
    ],
)
def test_a_value_that_its_attribute_cannot_hold_is_a_refusal(text: str, changes: dict[str, str]) -> None:
    with pytest.raises(PolicyViolation, match="subject cannot be made"):
        subject(text, changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("email:{{EmailAddress}}", GeneralName.email("ann.smith@example.org")),
        ("upn:{{UserPrincipalName}}", GeneralName.upn("ann@example.org")),
        ("upn:{{OnPremisesUserPrincipalName}}", GeneralName.upn("ann@corp.example.org")),
        ("dns:{{FullyQualifiedDomainName}}", GeneralName.dns("laptop-1.corp.example.org")),
        ("dns:{{DeviceName}}.example.org", GeneralName.dns("LAPTOP-1.example.org")),
        (
            "uri:IntuneDeviceId://{{DeviceId}}",
            GeneralName.uri("IntuneDeviceId://6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11"),
        ),
        ("uri:{{OnPremisesSecurityIdentifier}}", GeneralName.uri(f"{SID_URI}{SID}")),
        (f"uri:{SID_URI}{{{{onpremisessecurityidentifier}}}}", GeneralName.uri(f"{SID_URI}{SID}")),
    ],
)
def test_alternative_names(text: str, expected: GeneralName) -> None:
    assert SANFormat.parse(text).build(ATTRIBUTES, "user").encoded == expected.encoded


def test_the_sid_is_that_of_the_holder() -> None:
    uri = SANFormat.parse("uri:{{OnPremisesSecurityIdentifier}}")
    other = {"device.onPremisesSecurityIdentifier": SID[:-1] + "4"}
    assert uri.sid
    assert uri.build(ATTRIBUTES | other, "user").value == f"{SID_URI}{SID}"
    assert uri.build(ATTRIBUTES | other, "device").value == f"{SID_URI}{SID[:-1]}4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "email",
        "ip:10.0.0.1",
        "directory:CN=a",
        "dns:{{Nobody}}",
        "dns:{{OnPremisesSecurityIdentifier}}",
        "uri:x{{OnPremisesSecurityIdentifier}}",
        "uri:{{OnPremisesSecurityIdentifier}}x",
        "uri:tag:microsoft.com,2022-09-14:sid:S-1{{OnPremisesSecurityIdentifier}}",
    ],
)
def test_a_wrong_alternative_name_is_refused_before_any_request(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        SANFormat.parse(text)


def test_a_value_never_becomes_another_kind_of_name() -> None:
    for value in ("a@b", "dns:x", "x\x00y"):
        made = SANFormat.parse("upn:{{UserName}}").build({"user.userName": value}, "user")
        assert (made.kind, made.value) == ("upn", value)
    with pytest.raises(PolicyViolation):
        SANFormat.parse("dns:{{UserName}}").build({"user.userName": "žofie"}, "user")


@given(st.text(max_size=60))
def test_formats_are_read_or_refused(text: str) -> None:
    for parse in (SubjectFormat.parse, SANFormat.parse):
        try:
            assert json.dumps(parse(text).source) == json.dumps(text)
        except ValueError:
            continue
