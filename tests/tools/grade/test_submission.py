"""Whatever file is handed in gets a sensible score and one clear sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_library import REFERENCE, SmallLibrary, statuses

from burnin.grade import read_submission
from burnin.grade.submission import MAX_BYTES

pytestmark = pytest.mark.usefixtures("no_types")

UNREADABLE = [
    (b"", "counter.py is empty."),
    (b" \n\t\n", "counter.py is empty."),
    (b"\xef\xbb\xbf", "counter.py is empty."),
    (b"\x7fELF\x02\0\0\0", "counter.py is a binary file; a submission is Python source text."),
    ("x = 1".encode("utf-16"), "counter.py is UTF-16 text; save it as UTF-8."),
    ("x = 1\ny = 'é'".encode("latin-1"), "counter.py is not UTF-8 text (see line 2); save it as UTF-8."),
    (b"#" * 3_000_000, "counter.py has 3,000,000 bytes; a submission has at most 1,000,000."),
]


@pytest.mark.parametrize(("content", "sentence"), UNREADABLE, ids=lambda value: str(value)[:20])
def test_what_is_no_source_text_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "counter.py"
    path.write_bytes(content)
    assert read_submission(path) == (content, sentence)


def test_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "counter.py").mkdir()
    assert read_submission(tmp_path / "counter.py") == (b"", "counter.py is a folder; a submission is one Python file.")


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfx = 1\n", b"x = 1\r\ny = 2\r\n", b"x = 1\ry = 2", "# é\n".encode(), b"#" * MAX_BYTES]
)
def test_source_text_is_taken_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counter.py"
    path.write_bytes(content)
    assert read_submission(path) == (content, None)


@pytest.mark.parametrize("content", [UNREADABLE[0][0], UNREADABLE[-1][0]], ids=["empty", "large"])
def test_what_cannot_be_read_scores_nothing(small_library: SmallLibrary, content: bytes) -> None:
    card = small_library.grade(content)
    assert (card.score, card.possible) == (0, 100)
    assert card.problem is not None
    assert card.problem.startswith("my counter.py ")
    assert set(statuses(card).values()) == {"not_attempted"}
    assert card.types.status == "unknown"


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + REFERENCE.encode(), REFERENCE.replace("\n", "\r\n").encode()], ids=["mark", "crlf"]
)
def test_a_byte_order_mark_and_other_line_ends_cost_nothing(small_library: SmallLibrary, content: bytes) -> None:
    card = small_library.grade(content)
    assert (card.score, card.problem) == (100, None)


CANNOT_BE_IMPORTED = [
    ("class Counter(:\n", "crashed", "It has a syntax error at line 1: invalid syntax."),
    ("import nothing_of_that_name\n", "crashed", "Importing it raised ModuleNotFoundError at counter.py:1 <module>: No module named 'nothing_of_that_name'."),
    ("raise SystemExit\n", "crashed", "Importing it raised SystemExit at counter.py:1 <module>."),
    ("import os\nos._exit(3)\n", "crashed", "It cannot be imported: it ended its process with code 3."),
    ("while True: pass\n", "timed_out", "Importing it does not end; it computes at counter.py:1 <module>."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "status", "sentence"), CANNOT_BE_IMPORTED, ids=lambda value: value[:12])
def test_what_cannot_be_imported_scores_nothing_and_says_why(
    small_library: SmallLibrary, content: str, status: str, sentence: str
) -> None:
    card = small_library.grade(content)
    assert (card.score, card.problem) == (0, sentence)
    assert set(statuses(card).values()) == {status}


@pytest.mark.parametrize(
    ("content", "expected", "story"),
    [
        ("Other = 3\n", {"adds": "not_attempted", "refuses": "not_attempted", "reports": "not_attempted"}, None),
        ("class Counter:\n    pass\n", dict.fromkeys(["adds", "refuses", "reports"], "failed"), "Counter raised TypeError: Counter() takes no arguments"),
        (
            "class Counter:\n    def __init__(self, limit, log): pass\n    def add(self): return 1\n",
            {"adds": "failed", "refuses": "failed", "reports": "failed"},
            "add raised TypeError: Counter.add() takes 1 positional argument but 2 were given",
        ),
        (
            "class Counter:\n    def __init__(self, limit, log): pass\n",
            {"adds": "not_attempted", "refuses": "not_attempted", "reports": "not_attempted"},
            None,
        ),
    ],
    ids=["no class", "no constructor", "signature", "no method"],
)  # fmt: skip
def test_what_is_missing_or_has_another_signature(
    small_library: SmallLibrary, content: str, expected: dict[str, Any], story: str | None
) -> None:
    card = small_library.grade(content)
    assert (card.score, card.problem) == (0, None)
    assert statuses(card) == expected
    shown = card.stages[0].properties[0].counterexample
    assert (shown is None) == (story is None)
    if shown is not None and story is not None:
        assert story in shown.got
        assert any(story in line for line in shown.story)
