"""What is known of the alternates of an exercise, beside them in `alternates.toml`:

    [alternate_lines]
    blind = true

`blind` says that it was written from the statement, the stub and the sample tests alone, by somebody who had not seen the suite, the
reference or another solution. An alternate that is not named there is not blind.
"""

from __future__ import annotations

import tomllib

import msgspec

from burnin.library import Exercise, UserError

__all__ = ["AlternateRecord", "load_alternates"]


class AlternateRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an alternate came to be."""

    blind: bool = False


def load_alternates(exercise: Exercise) -> dict[str, AlternateRecord]:
    """The record of each alternate, by the name of its module.

    Raises `UserError` for a file that is not as the module's docstring says, or names an alternate that there is not.
    """
    found = {path.stem: AlternateRecord() for path in exercise.alternates}
    path = exercise.solutions / "alternates.toml"
    if path.exists():
        try:
            recorded = msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, AlternateRecord])
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not a record of alternates: {error}.") from None
        for name in recorded:
            if name not in found:
                raise UserError(f"{path} names {name}, and there is no {name}.py beside it; take it out.")
        found.update(recorded)
    return found
