"""A finished miniature to break, and grades that all tests of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from miniature import Miniature

from burnin.contribute.cards import Cards


@pytest.fixture(scope="session")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cards]:
    """Results, kept for the other processes of this run too."""
    with Cards(tmp_path_factory.getbasetemp().parent / "cards") as made:
        yield made


@pytest.fixture
def miniature(tmp_path: Path, cards: Cards) -> Miniature:
    return Miniature(tmp_path / "library", cards)
