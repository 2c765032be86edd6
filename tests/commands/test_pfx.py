"""`manage.py pfx`: what is checked before anything leaves the machine, bulk with resume, Graph, and rekeying."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from typer.testing import CliRunner

from commands import pfx, pfx_import
from shared.pfx.graph_format import to_graph
from shared.pfx.import_key_folder import SoftwareImportKeys
from shared.pfx.import_keys import opened
from tests.commands.pfx_server import Served, serving
from tests.functions.application import MANAGEMENT_KEY
from tests.functions.imported import PFXApplication
from tests.intune.graph_server import Credential, Graph, graph
from tests.pfx.imported_site import ImportSite, import_key
from tests.pfx.mail import PASSWORD, USER, Holder, holder, signer

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(microsecond=0)
ENCRYPTION = ("--purpose", "smimeEncryption")


class Ran:
    """How a command ended: its exit code, all it said, and the error it raised."""

    def __init__(self, result: Any) -> None:
        self.code, self.output, self.stdout = result.exit_code, result.output, result.stdout
        raised = result.exception
        self.error = "" if raised is None or isinstance(raised, SystemExit) else str(raised)

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("SCEPTER_MANAGEMENT_KEY", MANAGEMENT_KEY)
    monkeypatch.delenv("PFX_PASSWORD", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    with serving(PFXApplication()) as running:
        yield running


@pytest.fixture
def intune(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """Microsoft's Graph, and somebody who is signed in there."""
    monkeypatch.setattr(pfx_import, "credential", Credential)
    with graph() as running:
        yield running


def run(served: Served | None, *arguments: str, typed: str = "") -> Ran:
    url = ("--url", served.url) if served else ()
    return Ran(CliRunner().invoke(pfx.cli, [*arguments, *url], input=typed))


def today(name: str = "ann", **changes: Any) -> Holder:
    """A certificate that is good now: the command looks at the clock."""
    return holder(name, **{"begins": TODAY - DAY, **changes})


def written(path: Path, owner: Holder | None = None, password: str = PASSWORD) -> Path:
    path.write_bytes((owner or today()).pfx(password))
    return path


def import_one(served: Served, file: Path, *more: str, user: str = USER, password: str = PASSWORD) -> Ran:
    purpose = () if "--purpose" in more else ENCRYPTION
    return run(served, "import", str(file), "--user", user, "--password", password, *purpose, *more)


def parcels(served: Served) -> dict[str, str]:
    """What is on record: purposes by user and thumbprint."""
    return {f"{each.user} {each.thumbprint}": each.purpose.value for each in served.app.parcel_memory.all()}


def test_a_pfx_is_imported_as_it_is(served: Served, tmp_path: Path) -> None:
    owner = today()
    file = written(tmp_path / "ann.pfx", owner)
    done = import_one(served, file)
    assert (done.code, done.error) == (0, "")
    assert f"{owner.thumbprint} of {USER}: imported" in done.stdout
    (parcel,) = served.app.parcel_memory.all()
    assert served.app.private.read(parcel.blob, 10**6) == file.read_bytes()
    with opened(served.app.vault, parcel.password) as secret:
        assert secret.decode() == PASSWORD
    again = import_one(served, file, "--json")
    assert again.json == {
        "user": USER,
        "thumbprint": owner.thumbprint,
        "purpose": "smimeEncryption",
        "repeated": True,
        "warnings": [],
    }


@pytest.mark.parametrize("way", ["asked for", "environment"])
def test_a_password_need_not_be_on_the_command_line(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    file = written(tmp_path / "ann.pfx")
    if way == "environment":
        monkeypatch.setenv("PFX_PASSWORD", PASSWORD)
    typed = f"{PASSWORD}\n" if way == "asked for" else ""
    done = run(served, "import", str(file), "--user", USER, *ENCRYPTION, typed=typed)
    assert (done.code, done.error) == (0, "")
    assert PASSWORD not in done.output


def refused(served: Served, done: Ran, told: str) -> None:
    """With an error that says why, and nothing sent."""
    assert done.code != 0
    assert told in done.error, (done.error, done.output)
    assert PASSWORD not in done.error
    assert "POST /manage/parcels" not in served.asked


def test_a_wrong_password_is_told(served: Served, tmp_path: Path) -> None:
    file = written(tmp_path / "ann.pfx")
    refused(served, import_one(served, file, password="wrong"), "password does not open the PFX")
    refused(served, import_one(served, file, password=""), "password is empty")


def test_a_truncated_file_is_told(served: Served, tmp_path: Path) -> None:
    file = written(tmp_path / "ann.pfx")
    whole = file.read_bytes()
    file.write_bytes(whole[:-50])
    refused(served, import_one(served, file), f"cut off: {len(whole) - 50} of {len(whole)} bytes")
    file.write_bytes(b"")
    refused(served, import_one(served, file), "empty")


def test_a_file_of_five_megabytes_is_told_before_it_is_read(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "huge.pfx"
    with file.open("wb") as sparse:
        sparse.truncate(5 * 2**20)
    refused(served, import_one(served, file), "5,242,880 bytes, and 262,144 are taken at most")


def test_a_password_beyond_ascii_wants_somebody_to_insist(served: Served, tmp_path: Path) -> None:
    file = written(tmp_path / "ann.pfx", password="pässwörd €")
    refused(served, import_one(served, file, password="pässwörd €"), "--utf8-password")
    done = import_one(served, file, "--utf8-password", password="pässwörd €")
    assert (done.code, done.error) == (0, "")
    (parcel,) = served.app.parcel_memory.all()
    with opened(served.app.vault, parcel.password) as secret:
        assert secret.decode() == "pässwörd €"


def test_the_certificate_has_to_be_the_users(served: Served, tmp_path: Path) -> None:
    owner = today(mail=("ann.archer@example.org",))
    file = written(tmp_path / "ann.pfx", owner)
    refused(served, import_one(served, file), "ann.archer@example.org; if that is right, say so with --mail")
    refused(served, import_one(served, file, "--mail", "bob@example.org"), "not for bob@example.org")
    assert import_one(served, file, "--mail", "Ann.Archer@Example.org").code == 0


@pytest.mark.parametrize(
    ("owner", "more", "told"),
    [
        (today(), ("--thumbprint", "00" * 20), "thumbprint is"),
        (today(), ("--purpose", "smimeSigning"), "needs the key usage digitalSignature"),
        (signer(begins=TODAY - DAY), (), "needs the key usage keyEncipherment"),
        (
            signer(begins=TODAY - 9 * DAY, life=DAY),
            ("--purpose", "smimeSigning"),
            "signs nothing any more",
        ),
    ],
    ids=range(4),
)
def test_other_checks_are_made_here(
    served: Served, tmp_path: Path, owner: Holder, more: tuple[str, ...], told: str
) -> None:
    refused(served, import_one(served, written(tmp_path / "a.pfx", owner), *more), told)


def test_an_expired_certificate_is_taken_to_read_old_mail(served: Served, tmp_path: Path) -> None:
    file = written(tmp_path / "a.pfx", today(begins=TODAY - 900 * DAY))
    done = import_one(served, file, "--json")
    assert done.code == 0
    assert "old mail can be read" in done.json["warnings"][0]


def test_a_longer_password_than_the_key_takes_is_told(served: Served, tmp_path: Path) -> None:
    file = written(tmp_path / "a.pfx", password="x" * 191)
    refused(served, import_one(served, file, password="x" * 191), "191 octets, and the import key takes 190")


def folder_of(tmp_path: Path, count: int) -> tuple[Path, Path]:
    """Files of as many users, and the CSV file that lists them."""
    folder, table = tmp_path / "files", tmp_path / "users.csv"
    folder.mkdir()
    with table.open("w", newline="", encoding="utf-8-sig") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "user", "purpose", "password", "thumbprint"])
        for number in range(count):
            user, password = f"user{number}@example.org", f"{PASSWORD} {number}"
            owner = today("shared", mail=(user,))
            written(folder / f"{number}.pfx", owner, password)
            rows.writerow([f"{number}.pfx", user, "smimeEncryption", password, owner.thumbprint])
    return folder, table


def bulk(
    served: Served, tmp_path: Path, folder: Path, table: Path, *more: str
) -> tuple[Ran, list[dict[str, str]]]:
    """How it ended, and the report."""
    report = tmp_path / "report.csv"
    done = run(served, "import-folder", str(folder), "--csv", str(table), "--report", str(report), *more)
    with report.open(newline="", encoding="utf-8") as file:
        return done, list(csv.DictReader(file))


def test_a_folder_is_imported_with_a_report(served: Served, tmp_path: Path) -> None:
    folder, table = folder_of(tmp_path, 4)
    done, report = bulk(served, tmp_path, folder, table)
    assert (done.code, done.error) == (0, "")
    assert "4 imported, 0 were there already, 0 failed" in done.stdout
    assert [(row["line"], row["status"]) for row in report] == [
        (str(line), "imported") for line in range(2, 6)
    ]
    assert len(parcels(served)) == 4
    for parcel in served.app.parcel_memory.all():
        with opened(served.app.vault, parcel.password) as secret:
            assert secret.decode() == f"{PASSWORD} {parcel.user[4]}"
    assert PASSWORD not in (tmp_path / "report.csv").read_text() + done.output


def test_a_row_that_is_wrong_keeps_no_other_from_being_imported(served: Served, tmp_path: Path) -> None:
    folder, table = folder_of(tmp_path, 3)
    wrong = [
        *("missing.pfx,x@example.org,smimeEncryption,p,", "../users.csv,x@example.org,smimeEncryption,p,"),
        *("0.pfx,user0@example.org,vpn,p,", "0.pfx,user0@example.org,smimeEncryption,wrong,"),
        *(
            f"0.pfx,user0@example.org,smimeEncryption,{PASSWORD} 0,{'00' * 20}",
            ",x@example.org,smimeSigning,p,",
        ),
        f"0.pfx,other@example.org,smimeEncryption,{PASSWORD} 0,",
    ]
    table.write_text(table.read_text("utf-8-sig") + "\n".join(wrong) + "\n", "utf-8")
    done, report = bulk(served, tmp_path, folder, table, "--json")
    assert (done.code, done.error) == (1, "")
    assert [row["status"] for row in report] == ["imported"] * 3 + ["failed"] * 7
    told = ["cannot be read", "not one in", "'vpn' is none of", "password does not open", "thumbprint is"]
    told += ["not one in", "not for other@example.org"]
    for row, words in zip(report[3:], told, strict=True):
        assert words in row["note"]
    assert [row["status"] for row in done.json] == [row["status"] for row in report]
    assert len(parcels(served)) == 3


def test_what_was_cut_off_goes_on_where_it_was(served: Served, tmp_path: Path) -> None:
    folder, table = folder_of(tmp_path, 5)
    served.most = 2
    done, report = bulk(served, tmp_path, folder, table)
    assert done.code == 1
    assert "stopped after 2 of 5" in done.error
    assert "run it again to go on" in done.error
    assert [row["status"] for row in report] == ["imported"] * 2
    served.most, served.asked[:] = 10**9, []
    done, report = bulk(served, tmp_path, folder, table)
    assert (done.code, done.error) == (0, "")
    assert [row["status"] for row in report] == ["there already"] * 2 + ["imported"] * 3
    assert served.asked.count("POST /manage/parcels") == 3


def test_a_row_that_asks_for_another_purpose_is_told(served: Served, tmp_path: Path) -> None:
    both = today("both", usages=("key_encipherment", "digital_signature"))
    written(tmp_path / "ann.pfx", both)
    table = tmp_path / "users.csv"
    table.write_text(f"file,user\nann.pfx,{USER}\n")
    for purpose, status in (("smimeEncryption", "imported"), ("smimeSigning", "failed")):
        more = ("--password", PASSWORD, "--purpose", purpose)
        _, report = bulk(served, tmp_path, tmp_path, table, *more)
        assert [row["status"] for row in report] == [status]
    assert "already, for smimeEncryption; delete it first" in report[0]["note"]


@pytest.mark.parametrize("header", ["", "file", "user,file,colour", "a,b"])
def test_another_table_is_refused(served: Served, tmp_path: Path, header: str) -> None:
    table = tmp_path / "users.csv"
    table.write_text(f"{header}\n")
    done = run(served, "import-folder", str(tmp_path), "--csv", str(table))
    assert done.code == 2
    assert "has to name file and user" in " ".join(done.output.replace("│", " ").split())


def graph_file(path: Path, served: Served, **changes: Any) -> Path:
    """Two objects that Microsoft's tool would have made with Scepter's import key."""
    site = ImportSite(keys=served.app.vault)
    objects = []
    for number in range(2):
        user = f"user{number}@example.org"
        order = site.order(today("shared", mail=(user,)), user=user)
        made = to_graph(order, provider="x", padding="OaepSha256", created_at=TODAY)
        objects.append({name[0].upper() + name[1:]: value for name, value in made.items()} | changes)
    path.write_text(json.dumps(objects))
    return path


def test_microsofts_own_format_is_imported(served: Served, tmp_path: Path) -> None:
    file = graph_file(tmp_path / "objects.json", served)
    done = run(served, "import-graph", str(file), "--json")
    assert (done.code, done.error) == (0, "")
    assert [(row["line"], row["status"]) for row in done.json] == [(1, "imported"), (2, "imported")]
    assert {parcel.password.version for parcel in served.app.parcel_memory.all()} == {"v1"}
    again = run(served, "import-graph", str(file), "--json")
    assert {row["status"] for row in again.json} == {"there already"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"PaddingScheme": "OaepSha512"}, "New-IntuneUserPfxCertificate -PaddingScheme OaepSha256"),
        ({"PaddingScheme": 0}, "OaepSha256"),
        ({"IntendedPurpose": "VPN"}, "only smimeEncryption and smimeSigning"),
        (
            {"KeyName": "Connector key"},
            "'Connector key' is not one of ours; passwords have to be sealed to import",
        ),
        ({"EncryptedPfxBlob": "AA=="}, "Graph does not give it back"),
    ],
)
def test_what_cannot_be_delivered_is_told_with_the_way_out(
    served: Served, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    file = graph_file(tmp_path / "objects.json", served, **changes)
    done = run(served, "import-graph", str(file), "--json")
    assert done.code == 1
    assert all(told in row["note"] for row in done.json), done.json
    assert parcels(served) == {}


CONNECTOR = import_key(9)


def connector_options(tmp_path: Path, intune: Graph) -> list[str]:
    key = tmp_path / "connector.pem"
    key.write_bytes(CONNECTOR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    named = ["--provider", "Microsoft Software Key Storage Provider", "--key-name", "PFXKey"]
    return ["--graph", "--connector-key", str(key), *named, "--graph-url", intune.url]


def test_intune_gets_what_its_connector_can_open(served: Served, tmp_path: Path, intune: Graph) -> None:
    owner = today()
    file = written(tmp_path / "ann.pfx", owner)
    done = import_one(served, file, *connector_options(tmp_path, intune))
    assert (done.code, done.error) == (0, "")
    (created,) = intune.created
    assert (created["thumbprint"], created["keyName"], created["paddingScheme"]) == (
        *(owner.thumbprint, "PFXKey", "oaepSha256"),
    )
    assert created["providerName"] == "Microsoft Software Key Storage Provider"
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    secret = CONNECTOR.decrypt(base64.b64decode(created["encryptedPfxPassword"]), oaep)
    assert secret.decode() == PASSWORD
    assert base64.b64decode(created["encryptedPfxBlob"]) == file.read_bytes()
    assert served.asked == []
    again = import_one(served, file, *connector_options(tmp_path, intune), "--json")
    assert again.json["repeated"]
    assert len(intune.created) == 1


def test_a_folder_may_go_to_intune(served: Served, tmp_path: Path, intune: Graph) -> None:
    folder, table = folder_of(tmp_path, 3)
    done, report = bulk(served, tmp_path, folder, table, *connector_options(tmp_path, intune))
    assert (done.code, done.error) == (0, "")
    assert [row["status"] for row in report] == ["imported"] * 3
    done, report = bulk(served, tmp_path, folder, table, *connector_options(tmp_path, intune))
    assert [row["status"] for row in report] == ["there already"] * 3


@pytest.mark.parametrize("missing", ["--connector-key", "--provider", "--key-name"])
def test_without_a_connector_nothing_goes_to_intune(
    served: Served, tmp_path: Path, intune: Graph, missing: str
) -> None:
    options = connector_options(tmp_path, intune)
    at = options.index(missing)
    done = import_one(served, written(tmp_path / "a.pfx"), *options[:at], *options[at + 2 :])
    assert done.code != 0
    assert "delivered by a Microsoft connector only" in done.error
    assert "without --graph, Scepter delivers it" in done.error
    assert intune.asked == []


def test_options_of_intune_want_graph(served: Served, tmp_path: Path, intune: Graph) -> None:
    options = [each for each in connector_options(tmp_path, intune) if each != "--graph"]
    refused(served, import_one(served, written(tmp_path / "a.pfx"), *options), "belong to --graph")
    options = [*connector_options(tmp_path, intune), "--utf8-password"]
    refused(served, import_one(served, written(tmp_path / "a.pfx"), *options), "not for --graph")


def test_a_connectors_private_key_is_refused(served: Served, tmp_path: Path, intune: Graph) -> None:
    options = connector_options(tmp_path, intune)
    Path(options[2]).write_bytes(b"RSA3" + bytes(600))
    done = import_one(served, written(tmp_path / "a.pfx"), *options)
    assert "should never leave it" in done.error


def test_parcels_are_listed_shown_and_deleted(served: Served, tmp_path: Path) -> None:
    owner = today()
    import_one(served, written(tmp_path / "ann.pfx", owner))
    import_one(
        served, written(tmp_path / "bob.pfx", today("bob", mail=("bob@example.org",))), user="bob@example.org"
    )
    listed = run(served, "list", "--json").json
    assert [each["user"] for each in listed] == [USER, "bob@example.org"]
    assert "2 parcels" in run(served, "list").stdout
    assert len(run(served, "list", "--user", USER, "--json").json) == 1
    assert run(served, "list", "--failing", "--json").json == []
    shown = run(served, "show", owner.thumbprint.upper(), "--user", "Ann@Example.org", "--json").json
    assert shown[0]["thumbprint"] == owner.thumbprint
    assert owner.thumbprint in run(served, "show", owner.thumbprint, "--user", USER).stdout
    assert run(served, "delete", owner.thumbprint, "--user", USER).code == 0
    assert "No such parcel" in run(served, "delete", owner.thumbprint, "--user", USER).error
    assert "is imported for" in run(served, "show", owner.thumbprint, "--user", USER).error
    assert [each["user"] for each in run(served, "list", "--json").json] == ["bob@example.org"]


def test_guests_have_odd_names(served: Served, tmp_path: Path) -> None:
    guest = "ann+x_gmail.com#EXT#@example.org"
    owner = today()
    done = import_one(served, written(tmp_path / "a.pfx", owner), "--mail", USER, user=guest)
    assert (done.code, done.error) == (0, "")
    assert len(run(served, "list", "--user", guest, "--json").json) == 1
    assert run(served, "delete", owner.thumbprint, "--user", guest).code == 0


def test_parcels_are_rekeyed_some_at_a_time(served: Served, tmp_path: Path) -> None:
    folder, table = folder_of(tmp_path, 4)
    bulk(served, tmp_path, folder, table)
    served.app.vault.count = 2
    keys = run(served, "key", "--json").json
    assert [(each["version"], each["parcels"]) for each in keys] == [("v2", 0), ("v1", 4)]
    done = run(served, "rekey", "--json")
    assert (done.code, done.json) == (0, {"moved": 4, "failures": []})
    assert run(served, "rekey", "--json").json == {"moved": 0, "failures": []}
    served.app.vault.gone = {"v2"}
    served.app.vault.count = 3
    failed = run(served, "rekey")
    assert failed.code == 1
    assert "0 moved, 4 failed" in failed.stdout


def test_the_public_key_can_be_written_for_microsofts_tool(served: Served, tmp_path: Path) -> None:
    out = tmp_path / "import.pem"
    assert run(served, "key", "--out", str(out)).code == 0
    assert load_pem_public_key(out.read_bytes()) == import_key(1).public_key()


def test_the_next_key_of_the_embedded_host_is_made(tmp_path: Path) -> None:
    first = SoftwareImportKeys(tmp_path).versions()[0]
    done = run(None, "new-key", "--folder", str(tmp_path))
    assert (done.code, done.error) == (0, "")
    second, old = SoftwareImportKeys(tmp_path).versions()
    assert second.version in done.stdout
    assert old.version == first.version


def test_requests_are_listed(served: Served) -> None:
    assert run(served, "requests", "--json").json == []
    assert "0 requests" in run(served, "requests").stdout


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = written(tmp_path / "a.pfx")
    arguments = [
        "import",
        str(file),
        "--user",
        USER,
        *ENCRYPTION,
        "--password",
        PASSWORD,
        "--url",
        "http://127.0.0.1:9",
    ]
    done = run(None, *arguments)
    assert "does not answer" in done.error
