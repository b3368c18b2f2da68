"""The decisions of one run: which of several legal next steps is taken."""

from __future__ import annotations

import random
from collections.abc import MutableSequence, Sequence
from typing import Any

__all__ = ["Choices"]


class Choices:
    """Answers "which of n?" from a tape, then from a seed, then with 0 (the stock order).

    A tape is plain data, so that Hypothesis can shrink an interleaving to nothing; `log` is the tape that replays this
    run exactly.
    """

    def __init__(self, seed: int | None = None, tape: Sequence[int] = ()) -> None:
        self._random = None if seed is None else random.Random(seed)
        self._tape = tape
        self.log: list[int] = []

    def __call__(self, n: int) -> int:
        """An integer in [0, n)."""
        taken = len(self.log)
        if taken < len(self._tape):
            choice = self._tape[taken] % n
        elif self._random is not None:
            choice = self._random.randrange(n)
        else:
            choice = 0
        self.log.append(choice)
        return choice

    def shuffle(self, items: MutableSequence[Any]) -> None:
        """Permute in place (Fisher and Yates); zeros leave the order alone."""
        for i in range(len(items) - 1):
            j = i + self(len(items) - i)
            items[i], items[j] = items[j], items[i]
