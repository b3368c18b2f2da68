"""Read a submission's bytes, or say in one sentence why they cannot be graded."""

from __future__ import annotations

import codecs
from pathlib import Path

__all__ = ["MAX_BYTES", "read_submission"]

MAX_BYTES = 1_000_000


def read_submission(path: Path) -> tuple[bytes, str | None]:
    """The file's bytes and None; or what there is and the sentence that says why it scores nothing.

    A submission is one module of at most 1 MB of UTF-8 text; a byte-order mark and any line ends are fine.
    """
    if path.is_dir():
        return b"", f"{path.name} is a folder; a submission is one Python file."
    with path.open("rb") as file:
        data = file.read(64 * MAX_BYTES)
    if len(data) > MAX_BYTES:
        return data, f"{path.name} has {path.stat().st_size:,} bytes; a submission has at most {MAX_BYTES:,}."
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data, f"{path.name} is UTF-16 text; save it as UTF-8."
    if b"\0" in data:
        return data, f"{path.name} is a binary file; a submission is Python source text."
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return data, f"{path.name} is not UTF-8 text (see line {line}); save it as UTF-8."
    if not text.strip():
        return data, f"{path.name} is empty."
    return data, None
