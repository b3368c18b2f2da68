"""The group that holds all commands. What is slow to import is imported by the command that needs it."""

from __future__ import annotations

import click

from burnin.commands.checking import check
from burnin.commands.debriefing import debrief
from burnin.commands.grading import grade
from burnin.commands.listing import list_exercises
from burnin.commands.new import new
from burnin.commands.practising import practice
from burnin.commands.progressing import progress
from burnin.commands.proving import proof
from burnin.commands.replaying import replay
from burnin.commands.sitting import COMMANDS
from burnin.commands.starting import start

__all__ = ["burnin"]


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="burnin", message="%(prog)s %(version)s")
@click.pass_context
def burnin(context: click.Context) -> int:
    """Interview exercises for AI-infrastructure engineers, and their grader."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


for command in (list_exercises, practice, start, grade, replay, *COMMANDS, debrief, progress, new, check, proof):
    burnin.add_command(command)
