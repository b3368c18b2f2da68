"""Every job of the project: `nox -l` lists them, `nox -s JOB -- ARGUMENTS` runs one.

All jobs share one environment, `.nox/burnin`, made on first use (with uv where there is one) and made anew when
`pyproject.toml` changes. `nox -s grade -- warm_pool` is the same as `burnin grade warm_pool` in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "none"  # the sessions share the environment below
nox.options.sessions = ["lint", "types", "tests"]

ROOT = Path(__file__).parent
HOME = Path(os.environ.get("BURNIN_ENVIRONMENT", ROOT / ".nox" / "burnin"))
"""Where the shared environment is; set BURNIN_ENVIRONMENT for a checkout that cannot be written to."""


def environment(session: nox.Session) -> Path:
    """The folder of the shared environment's programs, after making the environment if it is not there or out of date."""
    programs = HOME / "bin"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    stamp = HOME / "made-from"
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(HOME, ignore_errors=True)
        uv = shutil.which("uv")
        if uv:
            session.run(uv, "venv", "--quiet", "--python", sys.executable, str(HOME), external=True)
            install = [uv, "pip", "install", "--quiet", "--python", str(programs / "python")]
        else:
            session.run(sys.executable, "-m", "venv", str(HOME), external=True)
            install = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        session.run(*install, "--editable", f"{ROOT}[dev]", external=True)
        stamp.write_text(wanted)
    return programs


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the shared environment."""
    session.run(str(environment(session) / program), *arguments, external=True)


def _job(name: str, summary: str) -> None:
    def job(session: nox.Session) -> None:
        run(session, "burnin", name, *session.posargs)

    job.__doc__ = summary
    nox.session(name=name, default=False)(job)


_job("list", "The exercises by round, with points, par time and your best score.")
_job("practice", "Sit NAME against the clock, in a room on the terminal.")
_job("start", "Start an attempt: NAME.")
_job("grade", "Grade a submission: NAME or PATH, else the latest attempt; --reference grades the reference.")
_job("new", "Begin an exercise: NAME; a small one that works, to be replaced piece by piece.")
_job("check", "Prove that exercises are sound: every gate, for each NAME or all; --changed BASE, --deep, --accept.")
_job(
    "proof", "Measure the exercises and write the page that shows it, tests/proof/README.md: each NAME or all; --deep."
)
_job("replay", "Replay the smallest failure of a submission in one process, for a debugger.")
_job("clock", "The clock of the latest attempt, against the par times.")
_job("ask", "Ask the interviewer about TOPIC, or see what can be asked.")
_job("hint", "The next hint for STAGE, or for the last one shown.")
_job("next", "Show the next stage.")
_job("pause", "Stop the clock for a real interruption.")
_job("resume", "Let the clock go on.")
_job("finish", "End the latest attempt; --give-up shows the reference.")
_job("debrief", "Write the debrief of an attempt that has ended, and open it: NAME, --attempt NUMBER, --assess.")
_job("progress", "All attempts over time, and what to practise next; --html FILE writes a page.")


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff over everything."""
    run(session, "ruff", "check", *session.posargs)
    run(session, "ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """`mypy --strict` over the tools, the suites, the solutions and the stubs."""
    run(session, "mypy", "tools", "noxfile.py")
    for suite in sorted((ROOT / "tests" / "exercises").iterdir()):
        if (suite / "__init__.py").is_file():
            run(session, "mypy", "--package", f"tests.exercises.{suite.name}")
    for folder in [*sorted((ROOT / "exercises").iterdir()), *sorted((ROOT / "solutions").iterdir())]:
        for module in sorted(folder.glob("*.py")):
            session.env["MYPYPATH"] = str(folder)  # the samples import the stub
            run(session, "mypy", str(module))


@nox.session
def tests(session: nox.Session) -> None:
    """All tests but the long sweeps."""
    # three processes for two cores: much of the time a cheat is waited for
    run(session, "pytest", "-n", "3", "--dist", "worksteal", "-m", "not sweep", *session.posargs)


@nox.session(default=False)
def sweeps(session: nox.Session) -> None:
    """The long sweeps: more seeds, deep effort, fifty grades of one submission, more of CPython's asyncio tests."""
    run(session, "pytest", "-n", "2", "-m", "sweep", *session.posargs)


@nox.session(default=False)
def cheats(session: nox.Session) -> None:
    """Grade the corpus of cheats and print the table of tricks and scores."""
    run(session, "python", "tests/tools/cheats/table.py", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the grader: ratios from one run, with the machine named."""
    run(session, "python", "tools/bench.py", *session.posargs)


@nox.session(default=False)
def hit_rates(session: nox.Session) -> None:
    """Measure how often the mutants of an exercise show among its scripts."""
    run(session, "python", "tools/hit_rates.py", *session.posargs)


@nox.session(default=False)
def bench_practice(session: nox.Session) -> None:
    """Measure the practice room: from a save to a verdict."""
    run(session, "python", "tools/bench_practice.py", *session.posargs)
