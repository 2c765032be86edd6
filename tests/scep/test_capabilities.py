"""GetCACaps says what the tables accept, and GetCACert what a client needs to begin."""

from __future__ import annotations

import pytest

from shared.cms.algorithms import CIPHERS
from shared.cms.signing import parse_degenerate
from shared.keys.digests import DIGESTS
from shared.scep.capabilities import ca_certificates, capabilities
from shared.scep.message import PKIStatus
from tests.programs import OpenSSL
from tests.scep.authority import STATIC_SECRET, World, csr, self_signed

# Every keyword of RFC 8894 3.5.2 and the one that strongSwan wants.
KNOWN = {
    "AES",
    "DES3",
    "GetNextCACert",
    "POSTPKIOperation",
    "Renewal",
    "SCEPStandard",
    "SHA-1",
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "Update",
}
LEGACY = {"DES3", "SHA-1"}


@pytest.mark.parametrize("allow_legacy", [False, True])
def test_each_keyword_stands_once_on_a_line_of_its_own(allow_legacy: bool) -> None:
    lines = capabilities(allow_legacy=allow_legacy).split("\n")
    assert len(set(lines)) == len(lines)
    assert all(line and line == line.strip() for line in lines)
    assert set(lines) <= KNOWN


@pytest.mark.parametrize("allow_legacy", [False, True])
def test_what_every_client_looks_for_is_there(allow_legacy: bool) -> None:
    lines = set(capabilities(allow_legacy=allow_legacy).split("\n"))
    required = {"AES", "POSTPKIOperation", "Renewal", "SCEPStandard", "SHA-256", "SHA-384", "SHA-512"}
    assert required <= lines


def test_legacy_keywords_only_where_legacy_is_allowed() -> None:
    assert LEGACY.isdisjoint(capabilities(allow_legacy=False).split("\n"))
    assert set(capabilities(allow_legacy=True).split("\n")) >= LEGACY


@pytest.mark.parametrize("profile", ["device", "static"])
@pytest.mark.parametrize("kind", ["cipher", "digest"])
def test_what_is_announced_is_what_is_accepted(profile: str, kind: str) -> None:
    """Each algorithm of the tables is tried; its keyword is there exactly when the message is taken."""
    world = World()
    allow_legacy = world.profile(profile).legacy_algorithms
    announced = set(capabilities(allow_legacy=allow_legacy).split("\n"))
    for algorithm in CIPHERS if kind == "cipher" else DIGESTS:
        if algorithm.scep_capability is None:
            continue
        challenge = world.challenge() if profile == "device" else STATIC_SECRET
        request = csr("CN=dev1,O=Example" if profile == "device" else "CN=dev1", challenge=challenge)
        cipher, digest = ("aes-256-cbc", algorithm.name) if kind == "digest" else (algorithm.name, "sha256")
        reply = world.send(request, self_signed(), profile=profile, cipher=cipher, digest=digest)
        assert (reply.status is PKIStatus.SUCCESS) is (algorithm.scep_capability in announced), algorithm.name


@pytest.mark.parametrize("with_root", [False, True])
def test_getcacert_has_the_ra_first_and_the_root_by_setting(with_root: bool, openssl: OpenSSL) -> None:
    world = World()
    message = ca_certificates(world.ra, world.issuer, with_root=with_root)
    expected = [world.ra.certificate.der, world.issuer.certificate.der]
    expected += [world.root.der] if with_root else []
    assert list(parse_degenerate(message)[0]) == expected
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=message).decode()
    assert printed.count("BEGIN CERTIFICATE") == len(expected)
    assert printed.index("CN = RA") < printed.index("CN = Issuing")
