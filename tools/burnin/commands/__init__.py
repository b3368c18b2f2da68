"""The command line: one module per command, and `main`, which turns every end into an exit code and at most one sentence.

Exit codes: 0 full score or all well; 1 graded, less than full; 2 the user's mistake; 3 the grader itself failed. What ends the command
from outside gives 128 and the signal's number, as in a shell.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence

import click

from burnin.commands.cli import burnin
from burnin.library import UserError

__all__ = ["main"]

USER_ERROR = 2
GRADER_FAILED = 3
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE


def main(args: Sequence[str] | None = None) -> int:
    """Run the command; `args` are the process's own by default. Returns the exit code and raises nothing."""
    if args is None:
        _settle_process()
        args = sys.argv[1:]
    try:
        code = _run(args)
        sys.stdout.flush()
    except UserError as error:
        return _say(str(error), USER_ERROR)
    except click.ClickException as error:
        return _say(_usage(error), USER_ERROR)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_output()
        return BROKEN_PIPE
    except Exception as error:
        return _failed(error)
    return code


def _run(args: Sequence[str]) -> int:
    """What click's own `main` does, except that it would end the process itself when the reader of its output has gone."""
    try:
        with burnin.make_context("burnin", list(args)) as context:
            return int(burnin.invoke(context))
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code


def _settle_process() -> None:
    """Let a request to end pass through every `finally`, so that no child and no temporary folder stays; and write any text."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text streams, unless a host program replaced them


def _say(sentence: str, code: int) -> int:
    text = "".join(char if char.isprintable() else " " for char in sentence)
    click.echo(f"burnin: {text}", err=True)
    return code


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = "burnin" if context is None else context.command_path
    return f"{error.format_message().rstrip('.')}; `{command} --help` shows how it is used."


def _failed(error: Exception) -> int:
    if os.environ.get("BURNIN_DEBUG"):
        traceback.print_exception(error)
    what = f"{type(error).__name__}: {error}".rstrip(".: ")
    return _say(
        f"The grader failed ({what}); this is not your mistake: please report it with what the same command prints with BURNIN_DEBUG=1.",
        GRADER_FAILED,
    )


def _abandon_output() -> None:
    """Nobody reads any more: keep the interpreter from complaining when it flushes at its end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
