"""GetNextCACert: the successor, signed by the CA itself, and nothing until there is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from shared.asn1 import oids
from shared.asn1.pem import pem
from shared.ca.ceremony import CAPlan, _next_name, create, prepare_successor
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer, issuer_id
from shared.ca.lint import Linter, Signable
from shared.ca.roster import DEFAULT, Roster
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from shared.keys.ports import public_key_info
from shared.scep.capabilities import capabilities
from shared.scep.succession import Succession
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.names import Name
from tests.programs import openssl_in
from tests.scep.authority import NOW, URL


@dataclass
class Scene:
    """A CA in a folder, and every announcement that a key signs."""

    folder: CAFolder
    announced: list[bytes] = field(default_factory=list)

    @property
    def issuer(self) -> Issuer:
        return self.folder.issuer(URL)

    def prepare(self, key: str = "p-256") -> Certificate:
        return prepare_successor(self.folder, key=key, years=5, base_url=URL, now=NOW)

    def successor(self) -> Certificate | None:
        found = Roster.of({DEFAULT: self.folder.holdings()}).successor(DEFAULT, NOW)
        return None if found is None else found.certificate


@pytest.fixture(params=["p-256", "p-384", "rsa-2048"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene, lint = Scene(CAFolder(tmp_path / "ca")), Linter.lint

    def noted(linter: Linter, data: bytes) -> Signable:
        kind = lint(linter, data)
        if kind is Signable.ANNOUNCEMENT:
            scene.announced.append(data)
        return kind

    plan = CAPlan(organisation="Example", root_key=request.param, issuing_key=request.param)
    create(scene.folder, plan, base_url=URL, now=NOW)
    monkeypatch.setattr(Linter, "lint", noted)
    return scene


def test_there_is_nothing_until_a_successor_is_prepared(scene: Scene) -> None:
    assert scene.successor() is None
    prepared = scene.prepare()
    assert scene.successor() == prepared


def test_the_keyword_is_there_when_there_is_something_to_get() -> None:
    assert "GetNextCACert" not in capabilities(allow_legacy=False).split("\n")
    assert capabilities(allow_legacy=False, next_ca=True).split("\n").count("GetNextCACert") == 1


def test_the_issuing_ca_vouches_for_its_successor(scene: Scene) -> None:
    successor = scene.prepare()
    message = SignedMessage.parse(Succession().message(scene.issuer, successor))
    message.verify(scene.issuer.certificate.public_key)
    assert message.signer_certificate == scene.issuer.certificate.der
    assert message.content_type == oids.DATA
    assert parse_degenerate(message.content or b"") == ((successor.der,), ())
    assert message.certificates == (scene.issuer.certificate.der, successor.der)


def test_openssl_takes_it_from_the_issuing_ca_and_from_no_other(scene: Scene, tmp_path: Path) -> None:
    successor = scene.prepare()
    message = Succession().message(scene.issuer, successor)
    openssl = openssl_in(tmp_path)
    for name, certificate in (("issuing", scene.issuer.certificate), ("next", successor)):
        (tmp_path / f"{name}.pem").write_bytes(pem("CERTIFICATE", certificate.der))
    command = ["cms", "-verify", "-inform", "DER", "-binary", "-noverify", "-nointern", "-certfile"]
    inner = openssl.run(*command, "issuing.pem", data=message)
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=inner).decode()
    assert printed.count("BEGIN CERTIFICATE") == 1
    assert "Example Issuing CA 2" in printed
    assert "signer certificate not found" in openssl.refusal(*command, "next.pem", data=message)


def test_it_is_signed_once_however_often_it_is_asked_for(scene: Scene) -> None:
    successor, succession, issuer = scene.prepare(), Succession(), scene.issuer
    first = succession.message(issuer, successor)
    assert [succession.message(issuer, successor) for _ in range(3)] == [first] * 3
    assert len(scene.announced) == 1
    for path in scene.folder.path.glob("issuing-2.*"):
        path.unlink()
    assert succession.message(issuer, scene.prepare()) != first
    assert len(scene.announced) == 2


def test_a_successor_is_a_ca_of_its_own_under_the_same_root(scene: Scene) -> None:
    successor, root = scene.prepare("p-384"), scene.folder.certificate("root")
    verify_signature(successor, root.public_key)
    assert successor.basic_constraints == (True, 0)
    assert successor.subject.text() == "CN=Example Issuing CA 2,O=Example"
    assert successor.spki == public_key_info(scene.folder.key("issuing-2"))
    assert successor.key_hash != scene.issuer.certificate.key_hash
    assert (scene.folder.path / "issuing-2.key").stat().st_mode & 0o777 == 0o600


def test_preparing_again_changes_nothing(scene: Scene) -> None:
    first = scene.prepare()
    prepare_successor(scene.folder, key="p-256", years=9, base_url=URL, now=NOW + timedelta(days=9))
    assert scene.successor() == first


def test_names_count_on(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path / "ca")
    create(folder, CAPlan(root_key="p-256", issuing_key="p-256"), base_url=URL, now=NOW)
    second = prepare_successor(folder, key="p-256", years=5, base_url=URL, now=NOW)
    folder.keep_holdings(folder.holdings().with_turn(issuer_id(second.spki), NOW))
    third = prepare_successor(folder, key="p-256", years=5, base_url=URL, now=NOW)
    assert third.subject.text() == "CN=Scepter Issuing CA 3,O=Scepter"


@pytest.mark.parametrize(("key", "years"), [("rsa-1024", 5), ("p-256", 0), ("p-256", 41)])
def test_a_successor_that_cannot_be_is_refused(scene: Scene, key: str, years: int) -> None:
    with pytest.raises(ValueError, match=r"key algorithm|lives"):
        prepare_successor(scene.folder, key=key, years=years, base_url=URL, now=NOW)
    assert scene.successor() is None
    assert not list(scene.folder.path.glob("issuing-2.*"))


def test_a_ca_without_a_common_name_has_no_name_to_count_on(scene: Scene) -> None:
    with pytest.raises(ValueError, match="common name"):
        _next_name(Name.build([("O", "Example")]))
    named = Name.build([("C", "CZ"), ("CN", "First"), ("O", "Example"), ("CN", "Issuing 9")])
    assert _next_name(named).text() == "CN=Issuing 10,O=Example,CN=First,C=CZ"
