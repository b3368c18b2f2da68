"""The proof: rows are measured, and the pages say what the rows say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from miniature import SHALLOW, Miniature

from burnin.commands import main
from burnin.contribute import proof as proving
from burnin.contribute.alternates import load_alternates
from burnin.contribute.proof import Machine, Proof, Row, prove
from burnin.contribute.proof_page import COLUMNS, as_html, as_markdown
from burnin.library import UserError

ROW = Row(
    name="warm_pool",
    title="Warm pool",
    version=2,
    suite="0123456789abcdef",
    properties=27,
    gates_passed=24,
    gates=24,
    hand_made=40,
    hand_made_killed=40,
    generated=457,
    generated_made=457,
    generated_killed=440,
    equivalent=10,
    allowed=7,
    killed_alone={"busy": 0, "idle": 3, "use": 0},
    solutions=4,
    accepted=4,
    alternates=3,
    blind=1,
    seeds=2,
    repeats=3,
    repeated=8,
    identical=8,
    seconds=4.25,
)
MACHINE = Machine(
    "Linux x86_64", "A <fast> one", 2, "3.11.7", "landlock+seccomp", {"burnin": "0.1.0", "mutmut": "3.8.1"}
)


def page(*rows: Row) -> Proof:
    return Proof("2026-11-21 13:30+00:00", "standard: 2 seeds", MACHINE, list(rows))


def changed(**fields: object) -> Row:
    return msgspec.structs.replace(ROW, **fields)


def cells(proof: Proof) -> list[list[str]]:
    """The rows of the Markdown table."""
    lines = [line for line in as_markdown(proof).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][1:]


# ---- pages


def test_a_row_says_what_was_measured() -> None:
    assert cells(page(ROW)) == [
        [
            "`warm_pool`",
            "27",
            "40 of 40",
            "440 of 457 (10 equivalent, 7 allowed)",
            "4 of 4 at 2 seeds (1 blind)",
            "8 of 8",
            "4.2",
            "24 of 24",
        ]
    ]


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"properties": 0}, 1),
        ({"hand_made_killed": 39}, 2),
        ({"generated_killed": 439}, 3),
        ({"generated_killed": 420, "allowed": 27}, 3),
        ({"accepted": 3}, 4),
        ({"solutions": 2, "accepted": 2, "alternates": 1}, 4),
        ({"identical": 7}, 5),
        ({"seconds": 5.2}, 6),
        ({"gates_passed": 23}, 7),
    ],
)
def test_what_falls_short_stands_out(fields: dict[str, object], column: int) -> None:
    proof = page(changed(**fields))
    bold = [number for number, cell in enumerate(cells(proof)[0]) if cell.startswith("**")]
    assert bold == [column]
    assert as_html(proof).count('class="short"') == 1


def test_a_sample_is_called_one() -> None:
    assert "83 of 100 of 457 made (10 equivalent, 7 allowed)" in as_markdown(
        page(changed(generated=100, generated_killed=83))
    )


def test_properties_that_kill_nothing_alone_are_named() -> None:
    text = as_markdown(page(ROW))
    assert "one property alone kills: `idle` 3." in text
    assert "whatever these kill, another property kills too: `busy`, `use`." in text
    assert "whatever these kill" not in as_markdown(page(changed(killed_alone={"idle": 3})))


@pytest.mark.parametrize("render", [as_markdown, as_html])
def test_a_page_says_when_with_which_effort_and_where(render: object) -> None:
    text = render(page(ROW))  # type: ignore[operator]  # one of the two renderers
    for said in (
        "2026-11-21 13:30+00:00",
        "standard: 2 seeds",
        "3.11.7",
        "mutmut 3.8.1",
        "landlock+seccomp",
        "0123456789ab",
    ):
        assert said in text
    assert all(name in text for name, _ in COLUMNS)


class Html(HTMLParser):
    """Checks that elements are closed in order, and keeps attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_stands_alone() -> None:
    text = as_html(page(ROW, changed(name="<b>bold</b>")))
    found = Html(text)
    assert found.open == []
    assert not {"src", "href", "onload"} & {name for name, _ in found.attributes}
    assert not re.search(r"https?:|//|@import|url\(|<script", text)
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "A &lt;fast&gt; one" in text
    assert "`" not in text


def test_the_html_suits_dark_rooms_and_telephones() -> None:
    text = as_html(page(ROW))
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    assert re.search(r"@media \(max-width: \d+rem\)", text)
    assert all(f'data-label="{name}"' in text for name, _ in COLUMNS)


# ---- measuring


@pytest.fixture
def finished(miniature: Miniature, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    """The finished miniature, and no gate but the quick ones."""
    monkeypatch.setattr(proving, "check", lambda *args, **kwargs: quick_check(*args, **kwargs))
    return miniature


def quick_check(library: object, exercises: object, cards: object, depth: object, **options: object) -> object:
    from burnin.contribute.check import check
    from burnin.contribute.gates import GATES

    wanted = [gate for gate in GATES if gate.id in ("stub", "mutants")]
    return check(library, exercises, cards, depth, gates=wanted)  # type: ignore[arg-type]  # handed on as it came


def test_a_row_is_measured(finished: Miniature) -> None:
    finished.path("discussion").with_name("alternates.toml").write_text("[alternate_listing]\nblind = true\n")
    proof = prove(finished.library, [finished.exercise], finished.cards, SHALLOW)
    (row,) = proof.rows
    assert (row.name, row.properties > 3) == (finished.exercise.name, True)
    assert (row.hand_made, row.hand_made_killed) == (12, 12)
    assert row.generated == row.generated_made > 10
    assert row.generated_killed >= 0.9 * row.generated
    assert (row.solutions, row.accepted, row.alternates, row.blind) == (3, 3, 2, 1)
    assert (row.repeats, row.repeated, row.identical) == (2, 4, 4)
    assert 0 < row.seconds < 60
    assert row.gates_passed == row.gates == 2
    assert "shallow" in proof.depth
    assert proof.machine.packages["hypothesis"]


def test_a_wrong_alternate_shows(finished: Miniature) -> None:
    finished.edit("listing", "if len(self._free) < units:", "if len(self._free) <= units:")
    (row,) = prove(finished.library, [finished.exercise], finished.cards, SHALLOW).rows
    assert (row.solutions, row.accepted) == (3, 2)


def test_the_command_writes_the_pages(finished: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnin.contribute.subject.STANDARD", SHALLOW)
    finished.path("draft").rename(finished.path("manifest"))
    assert main(["proof", "--library", str(finished.library.root), "--to", str(tmp_path / "out")]) == 0
    found = msgspec.json.decode((tmp_path / "out" / "proof.json").read_bytes(), type=Proof)
    assert (tmp_path / "out" / "README.md").read_text() == as_markdown(found)
    assert (tmp_path / "out" / "index.html").read_text() == as_html(found)


def test_a_library_without_exercises_has_no_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "exercises").mkdir()
    (tmp_path / "solutions").mkdir()
    assert main(["proof", "--library", str(tmp_path)]) == 2
    assert "has no exercises yet" in capsys.readouterr().err


# ---- alternates


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[alternate_nobody]\nblind = true", "there is no alternate_nobody.py"),
        ("[alternate_listing]\nblind = 'yes'", "is not a record of alternates"),
        ("[alternate_listing]\nblond = true", "is not a record of alternates"),
        ("[", "is not a record of alternates"),
    ],
)
def test_a_record_of_alternates_that_is_wrong(miniature: Miniature, text: str, why: str) -> None:
    miniature.path("discussion").with_name("alternates.toml").write_text(text)
    with pytest.raises(UserError, match=re.escape(why)):
        load_alternates(miniature.exercise)


def test_an_alternate_without_a_record_is_not_blind(miniature: Miniature) -> None:
    assert {name: record.blind for name, record in load_alternates(miniature.exercise).items()} == {
        "alternate_counting": False,
        "alternate_listing": False,
    }
