"""Where in the submission a task is: the line to put beside "deadlock"."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import AsyncGenerator, Coroutine, Generator
from collections.abc import Set as AbstractSet
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType

__all__ = ["calling_site", "site_of"]

_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")


def site_of(awaitable: object, sources: AbstractSet[str]) -> str | None:
    """The innermost line of the submission in a suspended chain of awaits, as `"warm_pool.py:41 acquire"`.

    `sources` are the file names of the submission, as its code objects spell them. None: the chain passes through none.
    Runs no code of the submission.
    """
    site = None
    link: object = awaitable
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, (CoroutineType, GeneratorType, AsyncGeneratorType)):
            frame = _first(link, _FRAMES)
            if isinstance(frame, FrameType) and frame.f_code.co_filename in sources:
                site = _text(frame)
            link = _first(link, _AWAITED)
        else:
            link = _wrapped(link)
    return site


def calling_site(sources: AbstractSet[str]) -> str | None:
    """The innermost line of the submission on the stack of the caller, in the same form."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename not in sources:
        frame = frame.f_back
    return None if frame is None else _text(frame)


def _text(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_name}"


def _first(link: object, names: tuple[str, ...]) -> object:
    return next((value for name in names if (value := getattr(link, name, None)) is not None), None)


def _wrapped(link: object) -> object:
    """What a wrapper drives: `anext(...)`, `agen.asend(...)`, `coroutine.__await__()` show it to nobody but gc."""
    # By type, because `isinstance` asks the object for its class, and the object may be the submission's.
    referents = gc.get_referents(link)
    return next((inner for inner in referents if issubclass(type(inner), (Coroutine, Generator, AsyncGenerator))), None)
