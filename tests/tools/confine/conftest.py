"""Fixtures: a template process to fork confined children from, and folders for them to meet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burnin import confine

Answer = dict[str, object]
Confined = Callable[..., Answer]


@pytest.fixture(scope="module")
def template() -> Iterator[subprocess.Popen[str]]:
    """The template process, where this machine can confine at all."""
    offered = confine.available()
    if not offered.strong:
        pytest.skip("this kernel cannot confine a process: " + " ".join(offered.detail))
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("template.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `hidden` (out of reach), `shown` (readable) and `scratch` (writable) in it."""
    for name in ("hidden", "shown", "scratch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    return tmp_path


@pytest.fixture
def confined(template: subprocess.Popen[str], folder: Path) -> Confined:
    """Run a probe in a confined child, under the given limits, and return what became of it."""

    def run(probe: str, **limits: int) -> Answer:
        assert template.stdin is not None and template.stdout is not None
        template.stdin.write(json.dumps({"probe": probe, "folder": str(folder), "limits": limits}) + "\n")
        template.stdin.flush()
        answer = json.loads(template.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    return run
