"""What must not be shared by processes: threads, locks and connections, made anew in each child of a fork.

Servers such as gunicorn and uWSGI load a program once and fork it into workers. A connection that two of them write to is
broken, a thread does not cross a fork, and a lock that was held there stays held.
"""

from __future__ import annotations

import os
import weakref


class PerProcess:
    """Calls `_begin` once in each process that uses the object."""

    def __init__(self) -> None:
        self._process = os.getpid()
        _LIVING.add(self)
        self._begin()

    def _begin(self) -> None:
        raise NotImplementedError

    def _enter_process(self) -> None:
        # Programs that embed Python may fork without its hooks; then the process id tells.
        process = os.getpid()
        if self._process != process:
            self._process = process
            self._begin()


_LIVING: weakref.WeakSet[PerProcess] = weakref.WeakSet()


def _enter_child() -> None:
    for living in list(_LIVING):
        living._enter_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)
