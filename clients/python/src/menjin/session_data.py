"""The key-value map that menjin keeps beside each session, for back ends: read when it is first needed, saved once.

Lives here: what was changed, and how that meets what others changed meanwhile. Does not: say when to save (`visit`).
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, Optional
from urllib.parse import quote

from .backend import Answer, Backend
from .errors import ProblemAnswer
from .refusals import Refused

log = logging.getLogger("menjin")

_PLACE = "/v1/session/data"
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_TRIES = 40
_GONE = object()


class SessionData(MutableMapping[str, Any]):
    """The data of the session that an access token names; with `scope="user"` that of the person, in all sessions.

    A dict whose changes `save` sends. Only what was changed is sent or counts: keys that another request wrote meanwhile
    stay. Values are JSON; a list or dict inside may be changed in place. Without a backend or token it is empty, and
    nothing is kept.
    """

    def __init__(self, backend: Optional[Backend], token: Optional[str], *, scope: str = "session") -> None:
        if scope not in ("session", "user"):
            raise ValueError(f"scope: 'session' or 'user', not {scope!r}")
        self._backend = backend if token else None
        self._headers = {"Menjin-Subject-Token": token or ""}
        self._query = {} if scope == "session" else {"scope": scope}
        self._forget()

    def _forget(self) -> None:
        # As menjin has it: each value as the text that was written, so that what is not changed goes back as it came.
        self._known: Optional[dict[str, str]] = None
        self._version = "0"
        # As the program sees it: what it has read or set. `_GONE` is deleted.
        self._values: dict[str, Any] = {}
        self._ttls: dict[str, int] = {}
        self._flushed = False

    def __repr__(self) -> str:
        return (
            f"<SessionData {'empty' if self._backend is None else 'read' if self._known is not None else 'not read'}>"
        )

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            known = self._loaded()
            if key in known:
                self._values[key] = json.loads(known[key])
        value = self._values.get(key, _GONE)
        if value is _GONE:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        self._loaded()  # What was only set here may be there too.
        self[key]  # Raises KeyError.
        self._values[key] = _GONE
        self._ttls.pop(key, None)

    def __iter__(self) -> Iterator[str]:
        known = self._loaded()
        keys = {**dict.fromkeys(known), **dict.fromkeys(self._values)}
        return iter([key for key in keys if self._values.get(key) is not _GONE])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return len(self) > 0

    def set(self, key: str, value: Any, ttl: Optional[int] = None) -> None:
        """Sets a value; with a `ttl` it is gone after so many seconds."""
        if not isinstance(key, str) or not _NAME.fullmatch(key) or key in (".", ".."):
            raise ValueError(f"the key {key!r}: 1 to 64 of A-Z a-z 0-9 . _ : -")
        _text(value)  # What is no JSON is refused here, where the mistake is.
        self._values[key] = value
        self._ttls.pop(key, None)
        if ttl is not None:
            self._ttls[key] = int(ttl)

    def flush(self) -> None:
        """Deletes all of it, what others have written too."""
        self._forget()
        self._flushed = True
        self._known = {}

    @property
    def modified(self) -> bool:
        """Whether there is anything to save."""
        return self._flushed or bool(self._changes())

    def save(self) -> None:
        """Sends what was changed, if anything was. Raises `Refused` when the session has ended or menjin is away."""
        changes = self._changes()
        if not changes and not self._flushed:
            return
        if self._backend is None:
            log.warning("session data was changed without a session of menjin: it is not kept")
            return
        with_ttl = {key: changes.pop(key) for key in self._ttls if key in changes}
        if self._flushed and not changes:
            self._ask("DELETE", "")
        elif self._flushed or len(changes) > 1:
            self._save_whole(changes)
        else:
            self._save_each(changes)
        self._save_each(with_ttl)
        self._forget()

    def change(self, key: str, how: Callable[[Any], Any], default: Any = None) -> Any:
        """Replaces a value by what `how` makes of it, at once and exactly once: nobody comes between reading and writing.

        `how` may be called again when somebody did.
        """
        if self._backend is None:
            self[key] = value = how(self.get(key, default))
            return value
        for attempt in range(_TRIES):
            try:
                now = self._ask("GET", key)
                value, guard = how(now.body["value"]), {"If-Match": now.etag or "*"}
            except KeyError:
                value, guard = how(default), {"If-None-Match": "*"}
            if self._ask("PUT", key, {"value": value}, guard).status != 412:
                self._values.pop(key, None)
                if self._known is not None:
                    self._known[key] = _text(value)
                return value
            _stand_aside(attempt)
        raise Refused("store_unavailable", f"too many write {key!r} at once")

    def _changes(self) -> dict[str, Any]:
        known = self._known or {}
        return {key: value for key, value in self._values.items() if self._differs(key, value, known)}

    def _differs(self, key: str, value: Any, known: dict[str, str]) -> bool:
        if value is _GONE:
            return key in known
        if key in self._ttls or key not in known:
            return True
        # A list may have been changed in place.
        return _text(json.loads(known[key])) != _text(value)

    def _save_each(self, changes: dict[str, Any]) -> None:
        for key, value in changes.items():
            if value is _GONE:
                self._ask("DELETE", key)
            else:
                ttl = {"ttl": self._ttls[key]} if key in self._ttls else {}
                self._ask("PUT", key, {"value": value, **ttl})

    def _save_whole(self, changes: dict[str, Any]) -> None:
        """All at once. Where another request came first, what was changed here is laid over what it left."""
        for attempt in range(_TRIES):
            texts = {} if self._flushed else dict(self._loaded())
            for key, value in changes.items():
                texts.pop(key, None)
                if value is not _GONE:
                    texts[key] = _text(value)
            whole = ",".join(f"{_text(key)}:{text}" for key, text in texts.items())
            guard = {} if self._flushed else {"If-Match": self._version}
            if self._ask("PUT", "", f'{{"data":{{{whole}}}}}', guard).status != 412:
                return
            self._known = None
            _stand_aside(attempt)
        raise Refused("store_unavailable", "too many write this session's data at once")

    def _loaded(self) -> dict[str, str]:
        if self._known is None:
            if self._backend is None:
                self._known = {}
            else:
                answer = self._ask("GET", "")
                # An empty map may be left out of the answer.
                self._known = _members(_members(answer.text).get("data", "{}"))
                self._version = answer.etag or "*"
        return self._known

    def _ask(self, method: str, key: str, body: Any = None, guard: Optional[dict[str, str]] = None) -> Answer:
        assert self._backend is not None
        place = f"{_PLACE}/{quote(key, safe='')}" if key else _PLACE
        headers = {**self._headers, **(guard or {})}
        try:
            return self._backend.ask_about(method, place, body, query=self._query, headers=headers)
        except ProblemAnswer as problem:
            if problem.code == "key_unknown":
                raise KeyError(key) from problem
            raise


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _members(text: str) -> dict[str, str]:
    """The members of a JSON object, each value as the text that it is."""
    members, decode = {}, json.JSONDecoder().raw_decode
    at = _past_space(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decode(text, _past_space(text, at + 1 if text[at] == "," else at))
        begin = _past_space(text, _past_space(text, at) + 1)
        _, end = decode(text, begin)
        members[key] = text[begin:end]
        at = _past_space(text, end)
    return members


def _past_space(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _stand_aside(attempt: int) -> None:
    time.sleep(random.random() * min(0.01 * 2**attempt, 0.2))
