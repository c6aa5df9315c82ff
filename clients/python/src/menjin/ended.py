"""What has ended before its tokens have: sessions, users, apps and keys, in memory, asked on every request.

Does not: read the feed (`feed`), or know how fresh it is.
"""

from __future__ import annotations

import math
import threading
from datetime import datetime
from typing import Any, NamedTuple, Optional

from .refusals import code_of_end

# The most leeway that a verifier grants: a token may be taken for so long after its `exp`.
_LEEWAY_MS = 60_000
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class End(NamedTuple):
    """When something ended, why, and until when that matters."""

    code: str
    at: int
    until: int


class Change(NamedTuple):
    """Tokens of an earlier version, or of none, say of roles what is no longer so; and until when that matters."""

    before: float
    until: int


class Ended:
    """Endings that are in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, End]] = {"session": {}, "user": {}, "app": {}}
        self._keys: set[str] = set()
        self._changes: dict[str, dict[str, Change]] = {"roles_of_user": {}, "role_changed": {}}

    def take(self, event: dict[str, Any]) -> None:
        """One event of the feed. What it does not know is nothing, and what it has heard before changes nothing."""
        kind = event.get("kind")
        if kind == "key_revoked":
            self._keys.add(str(event.get("kid")))
        if kind in self._changes:
            self._take_change(event)
        named = {"session_ended": "session", "user_not_before": "user", "app_not_before": "app"}.get(str(kind))
        if named is None:
            return
        reason = str(event.get("reason", "session_ended"))
        end = End(code_of_end(reason), millis(event["at"]), millis(event["until"]))
        name = str(event[named])
        with self._lock:
            ends = self._known[named]
            before = ends.get(name, end)
            # The later of two cuts counts, for as long as either has tokens left.
            ends[name] = max(before, end, key=lambda end: end.at)._replace(until=max(before.until, end.until))

    def _take_change(self, event: dict[str, Any]) -> None:
        kind, version = event["kind"], event.get("version")
        name = str(event["user" if kind == "roles_of_user" else "name"])
        # A version that can't be read outdates whatever it is about.
        before = version if isinstance(version, int) and not isinstance(version, bool) else math.inf
        with self._lock:
            known = self._changes[kind].get(name, Change(before, 0))
            until = max(known.until, millis(event["until"]))
            self._changes[kind][name] = Change(max(known.before, before), until)

    def forget_before(self, now: float) -> None:
        """Drops what can refuse no living token any more."""
        past = int(now * 1000) - _LEEWAY_MS
        with self._lock:
            for kind, ends in self._known.items():
                self._known[kind] = {name: end for name, end in ends.items() if end.until > past}
            for kind, changes in self._changes.items():
                self._changes[kind] = {name: change for name, change in changes.items() if change.until > past}

    def __len__(self) -> int:
        return sum(map(len, [*self._known.values(), *self._changes.values()])) + len(self._keys)

    def is_key_revoked(self, kid: str) -> bool:
        """Whether nothing that this key signed is good any more."""
        return kid in self._keys

    def outdates(self, user: Optional[str], roles: Any, version: Any) -> bool:
        """Whether a token says of roles what is no longer so: the session lives, and a refresh gives one that says it right.

        No times are compared: what was issued before a change has a lower version, or none.
        """
        have = version if isinstance(version, int) and not isinstance(version, bool) else -1
        change = self._changes["roles_of_user"].get(user or "")
        if change is not None and have < change.before:
            return True
        changed = self._changes["role_changed"]
        if not changed or not isinstance(roles, list):
            return False
        found = (changed.get(role) for role in roles if isinstance(role, str))
        return any(change is not None and have < change.before for change in found)

    def refusal_for(
        self, user: Optional[str], session: Optional[str], client_id: Optional[str], iat: float
    ) -> Optional[str]:
        """The code of the refusal, or None while the token holds.

        An ended session refuses all its tokens, and where its user was cut later, that cut says why: a lifted ban is
        one. A cut of a user or app refuses what was issued before it and in its own second, for `iat` is in whole
        seconds; but a session opened at or after the cut is past it: its id tells the millisecond.
        """
        over = self._known["session"].get(session or "")
        for kind, name in (("user", user), ("app", client_id)):
            end = self._known[kind].get(name or "")
            if end is None or int(iat) > end.at // 1000 or made_at(session) >= end.at:
                continue
            if over is None or (kind == "user" and end.at > over.at):
                over = end
        return over.code if over else None


def made_at(session: Optional[str]) -> int:
    """When the session was opened, in milliseconds: the first 48 of the 128 bits in its id. 0 where there is none."""
    digits = (session or "").partition("_")[2]
    if len(digits) != 26:
        return 0
    value = 0
    for digit in digits:
        place = _DIGITS.find(digit)
        if place < 0:
            return 0
        value = value << 5 | place
    return value >> 80


def millis(moment: str) -> int:
    """RFC 3339 with `Z` to milliseconds since 1970."""
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000)
