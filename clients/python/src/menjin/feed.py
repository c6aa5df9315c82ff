"""The feed of ended sessions, read in a thread of its own: a stream (server-sent events), or by asking each second.

Where a thread can't run (a server that forks without hooks, or runs no threads), requests read the feed themselves as it
falls silent; so it is never staler than `max_lag` without being refused.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional

import urllib3

from .ended import Ended, millis
from .errors import ProblemAnswer, Unavailable
from .forks import PerProcess

if TYPE_CHECKING:
    from .backend import Backend

log = logging.getLogger("menjin")

_PLACE = "/v1/revocations"
# menjin says something at least each five seconds.
_SILENCE = 12.0
_FIRST_READ = 3.0
_POLL = 0.6
# A stream that brings nothing is not tried again for so long: a proxy in between may hold it back.
_NO_STREAM = 60.0
# After a refusal that only a person can mend, so that wrong secrets do not use up menjin's patience.
_REFUSED_PAUSE = 30.0
_MAX_EVENT = 4 * 1024 * 1024


class Feed(PerProcess):
    """What has ended, and how fresh that is. Starts with the first question, once in each process."""

    def __init__(
        self, backend: Backend, *, max_lag: float = 30.0, on_new_keys: Callable[[], None] = lambda: None
    ) -> None:
        self.backend = backend
        # Zero is strict: an end takes effect within a second, or nobody gets in.
        self.max_lag = max(float(max_lag), 1.0)
        self._on_new_keys = on_new_keys
        super().__init__()

    def _begin(self) -> None:
        self.ended = Ended()
        self._cursor: Optional[str] = None
        self._read_at = self._read_at_wall = float("-inf")
        self._server_read_at = ""
        self._asked_at = self._began_at = self._refused_until = float("-inf")
        self._has_told = False
        self._first_read = threading.Event()
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        self._starting = threading.Lock()
        self._thread: Optional[threading.Thread] = None

    def is_fresh(self) -> bool:
        """Whether the feed vouches for anybody now; reads it first where nobody else does."""
        self._enter_process()
        if self._thread is None:
            self._start()
        if not self._first_read.is_set():
            self._first_read.wait(max(0.0, self._began_at + _FIRST_READ - time.monotonic()))
        if self._lag() > min(_SILENCE, self.max_lag / 2):
            self._read_by_request()
        return self._lag() <= self.max_lag

    def close(self) -> None:
        """Stops reading; from then on nobody gets in once `max_lag` is over."""
        self._stopped.set()

    def _lag(self) -> float:
        # The one clock stands still while a machine sleeps, the other may be set back: the longer time counts.
        return max(time.monotonic() - self._read_at, time.time() - self._read_at_wall)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None or self._stopped.is_set():
                return
            self._began_at = time.monotonic()
            self._thread = threading.Thread(target=self._run, name="menjin-feed", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # No more threads: requests read for themselves.
                log.warning("the feed of ended sessions has no thread: %s", error)

    def _run(self) -> None:
        stopped, pause, stream_from = self._stopped, 0.0, 0.0
        while not stopped.wait(pause):
            try:
                if time.monotonic() < stream_from:
                    self._ask()
                    pause = _POLL
                elif self._follow():
                    pause = 0.05 + random.random() / 4  # It ended well: another node, or a restart.
                else:
                    log.info("the stream of ended sessions brings nothing: they are asked for instead")
                    stream_from, pause = time.monotonic() + _NO_STREAM, 0.0
            except Exception as error:  # A thread that dies silently would refuse everybody.
                self._tell(error)
                pause = max(self._refused_until - time.monotonic(), 0.5) + random.random()

    def _follow(self) -> bool:
        """Reads the stream to its end; False where asking is better: it brought nothing, or fell silent."""
        query = {"since": self._cursor} if self._cursor else {}
        response = self.backend.stream(f"{_PLACE}/stream", query, _SILENCE)
        brought = False
        try:
            if response.status != 200:
                return False  # Asking may be possible all the same; if not, its refusal is told.
            for message in messages(response):
                if self._stopped.is_set():
                    break
                self._take(json.loads(message), time.monotonic())
                brought = True
        except urllib3.exceptions.ReadTimeoutError:
            return False
        except urllib3.exceptions.HTTPError as error:
            if not brought:
                raise Unavailable(f"the stream broke: {type(error).__name__}") from error
        finally:
            response.close()
        return brought

    def _read_by_request(self) -> None:
        """By whoever needs it now; one at a time, and rarely."""
        pause = min(_POLL, self.max_lag / 4)
        if self._stopped.is_set() or time.monotonic() < self._refused_until:
            return
        if time.monotonic() - self._asked_at < pause or not self._reading.acquire(blocking=False):
            return
        try:
            self._ask()
        except Exception as error:  # Whatever answers in the place of menjin: nobody gets in, and nothing breaks.
            self._tell(error)
        finally:
            self._asked_at = time.monotonic()
            self._reading.release()

    def _tell(self, error: Exception) -> None:
        """Once, until it has been read again."""
        log.log(
            logging.DEBUG if self._has_told else logging.WARNING, "the feed of ended sessions can't be read: %s", error
        )
        self._has_told = True

    def _ask(self) -> None:
        """Asks until there is no more."""
        while True:
            asked_at = time.monotonic()
            query = {"since": self._cursor} if self._cursor else {}
            try:
                page = self.backend.ask("GET", _PLACE, query=query).body
            except ProblemAnswer:
                self._refused_until = time.monotonic() + _REFUSED_PAUSE
                raise
            self._take(page, asked_at)
            if not page.get("more"):
                return

    def _take(self, page: dict[str, Any], at: float) -> None:
        kinds = set()
        for event in page["events"]:
            self.ended.take(event)
            kinds.add(event.get("kind"))
        self._cursor = page["next"]
        if not page.get("more") and page["read_at"] != self._server_read_at:
            # What menjin has read again since is as fresh as the answer; else menjin itself stands still.
            self._server_read_at = page["read_at"]
            self._read_at = max(self._read_at, at)
            self._read_at_wall = time.time() - (time.monotonic() - self._read_at)
            self._has_told = False
            self._first_read.set()
            # By the earlier of two clocks: one that leaps ahead and back again brings back nothing that has ended.
            self.ended.forget_before(min(time.time(), millis(page["read_at"]) / 1000))
        if kinds & {"keys_changed", "key_revoked"}:
            self._on_new_keys()


def messages(response: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """The data of each server-sent event, as it comes (the HTML standard's section on event streams)."""
    rest, data, size = b"", [], 0
    for chunk in response.stream(65_536):
        rest += chunk
        *lines, rest = rest.split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                size += len(line)
                data.append(line[5:].removeprefix(b" ").decode())
            elif not line and data:
                yield "\n".join(data)
                data, size = [], 0
        if size + len(rest) > _MAX_EVENT:
            raise Unavailable("an event of the feed is too large")
