"""Points at the submission's opcodes on Python 3.12 and later, through `sys.monitoring` (PEP 669).

Before 3.12 the run traces its threads with `sys.settrace`, which needs only file names.
"""

from __future__ import annotations

import sys
from types import CodeType

from burnin.worker.simulation.thread_scheduled import ROOM, need_stack, scheduled

__all__ = ["watch"]


def watch(code: CodeType) -> None:
    """Make every opcode of a module's code, and of all code nested in it, a point. Call once, before it is executed.

    Raises RuntimeError when all tool identifiers of `sys.monitoring` are taken.
    """
    if sys.version_info >= (3, 12):
        tool, events = _tool(), sys.monitoring.events
        todo = [code]
        while todo:
            code = todo.pop()
            sys.monitoring.set_local_events(tool, code, events.INSTRUCTION | events.PY_START)
            todo += [nested for nested in code.co_consts if isinstance(nested, CodeType)]


if sys.version_info >= (3, 12):
    _taken: list[int] = []

    def _tool() -> int:
        if not _taken:
            free = [number for number in range(6) if sys.monitoring.get_tool(number) is None]
            if not free:
                raise RuntimeError("all tool identifiers of sys.monitoring are taken")
            tool = 4 if 4 in free else free[-1]  # 0, 1, 2 and 5 are by convention a debugger's, coverage's...
            sys.monitoring.use_tool_id(tool, "burnin")
            sys.monitoring.register_callback(tool, sys.monitoring.events.INSTRUCTION, _on_instruction)
            sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, _on_start)
            _taken.append(tool)
        return _taken[0]

    def _on_instruction(code: CodeType, offset: int) -> None:
        me = scheduled()
        if me is not None:
            me.run.step()

    def _on_start(code: CodeType, offset: int) -> None:
        """An endless recursion must end where a function is entered, as without us, not at a point of its clean-up."""
        if scheduled() is not None:
            need_stack(3 * ROOM)
