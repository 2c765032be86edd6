"""docs/intune.md names every value of an integration with its default, every result code, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from shared.config.intune import IntuneIntegration
from shared.intune.verdicts import VERDICTS
from shared.scep.message import FailInfo

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "intune.md").read_text(encoding="utf-8")
SHORT = {
    "badRequest": FailInfo.BAD_REQUEST,
    "badAlg": FailInfo.BAD_ALG,
    "badMessageCheck": FailInfo.BAD_MESSAGE_CHECK,
}


def test_every_value_has_its_row_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", PAGE, re.MULTILINE))
    fields = IntuneIntegration.model_fields
    assert set(rows) == {name.upper() for name in fields}
    for name, field in fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        default = str(default).lower() if isinstance(default, bool) else default
        told = "required" if field.is_required() else f"`{default}`" if default else "empty"
        assert rows[name.upper()] == told, name


def test_every_code_is_explained_with_its_fail_info() -> None:
    table = PAGE[PAGE.index("| Intune's code") : PAGE.index("| in the log")]
    told: dict[str, FailInfo] = {}
    for row in table.splitlines()[2:]:
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        if len(cells) == 3:
            told |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), SHORT[cells[2]])
    assert told.pop("Unknown") is FailInfo.BAD_REQUEST
    expected = {
        code: verdict.fail_info for code, verdict in VERDICTS.items() if code not in ("Success", "Unknown")
    }
    assert told == expected


def test_the_words_of_the_log_are_those_of_the_code() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "shared" / "intune").glob("*.py"))
    for words in ("no token from Entra", "Graph says", "has no service", "no Intune service principal"):
        assert words in PAGE
        assert words in source
    for words in ("lacks the role for it", "cannot be reached", "not asked, since the last calls all failed"):
        assert words in PAGE
        assert words in source
