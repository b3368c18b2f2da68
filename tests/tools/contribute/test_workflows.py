"""The workflows run what there is, see no secret, and end."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nox import registry

from burnin.commands.cli import burnin

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def read(path: Path) -> dict[Any, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def triggers(path: Path) -> dict[str, Any]:
    """What starts it; `on` is a truth value in YAML 1.1."""
    found = read(path)[True]
    assert isinstance(found, dict)
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job["steps"]


def scripts(path: Path) -> Iterator[str]:
    """The shell lines that it runs, and those of `.ci/run`, as bash joins them."""
    for step in steps(path):
        yield from str(step.get("run", "")).splitlines()
    yield from (ROOT / ".ci" / "run").read_text().splitlines()


def nox_runs(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The sessions and the arguments of each call of nox."""
    for line in scripts(path):
        for call in re.finditer(r"(?<![\w-])nox (-[^|>&;]*)", line):
            words = ["7" if word.startswith("$") else word for word in shlex.split(call[1])]
            assert words[0] == "-s", line
            end = words.index("--") if "--" in words else len(words)
            yield words[1:end], words[end + 1 :]


def test_there_is_one_for_each_occasion() -> None:
    started = {path.stem: set(triggers(path)) for path in WORKFLOWS}
    assert started == {
        "pull-request": {"pull_request"},
        "main": {"push", "workflow_dispatch"},
        "nightly": {"schedule", "workflow_dispatch"},
    }


@each_workflow
def test_it_can_read_and_nothing_else(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in jobs(path).values())


@each_workflow
def test_it_sees_no_secret(path: Path) -> None:
    settings = re.sub(r"#.*", "", path.read_text())
    assert not re.search(r"\bsecrets\b|github\.token|GITHUB_TOKEN|pull_request_target|workflow_run", settings)
    for step in steps(path):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@each_workflow
def test_it_uses_few_actions_and_says_which_version(path: Path) -> None:
    for step in steps(path):
        if "uses" in step:
            name, _, version = step["uses"].partition("@")
            assert name in ACTIONS
            assert re.fullmatch(r"[0-9a-f]{40}", version)  # a tag can be moved


@each_workflow
def test_nothing_is_pasted_into_a_script(path: Path) -> None:
    """A name of a branch or of an exercise could be a command; as a variable of the environment it is text."""
    assert not any("${{" in line for line in scripts(path))


@each_workflow
def test_each_job_ends(path: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 300 for job in jobs(path).values())


@each_workflow
def test_a_pipe_does_not_hide_a_failure(path: Path) -> None:
    """Only with `shell: bash` does GitHub set `pipefail`."""
    for step in steps(path):
        if "|" in str(step.get("run", "")):
            assert step["shell"] == "bash"


@each_workflow
def test_each_session_and_each_option_is_there(path: Path) -> None:
    sessions = known_sessions()
    runs = list(nox_runs(path))
    assert len(runs) > 2
    for names, arguments in runs:
        assert set(names) <= sessions
        if names[0] in burnin.commands:
            command = burnin.commands[names[0]]
            command.make_context(names[0], list(arguments))  # raises for what it does not know
        else:
            assert arguments == []


def test_every_session_that_proves_something_runs_somewhere() -> None:
    used = {name for path in WORKFLOWS for names, _ in nox_runs(path) for name in names}
    assert used >= {"lint", "types", "tests", "sweeps", "cheats", "check", "grade", "proof"}


@pytest.mark.parametrize("name", ["main", "nightly"])
def test_every_python_on_every_system(name: str) -> None:
    matrix = jobs(ROOT / ".github" / "workflows" / f"{name}.yml")["tests"]["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    supported = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert matrix["python"] == supported == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]


def test_submissions_are_confined_where_they_can_be() -> None:
    for path in WORKFLOWS:
        for job in jobs(path).values():
            lines = "\n".join(str(step.get("run", "")) for step in job["steps"])
            if "nox -s check" in lines:
                assert job["runs-on"] == "ubuntu-latest"
                assert lines.index("--require-sandbox") < lines.index("nox -s check")


def known_sessions() -> set[str]:
    """The sessions of the noxfile."""
    if not registry.get():
        spec = importlib.util.spec_from_file_location("burnin_noxfile", ROOT / "noxfile.py")
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return set(registry.get())
