"""Tokens read more strictly than JWT libraries do, before one sees them (RFC 7515 sections 2 and 4, RFC 8725).

Lives here: the form of a token and of the JSON in it. Does not: believe any of it (`verifier`, `legacy`).
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

_TOKEN = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
# By the length of a part's last group: what its last digit ends with, for the bits that say nothing are zero.
_LAST = {0: re.compile(r"."), 2: re.compile(r"[AQgw]"), 3: re.compile(r"[AEIMQUYcgkosw048]")}


def header_of(token: str) -> dict[str, Any]:
    """The header of a token that is well formed; raises ValueError for any other."""
    found = _TOKEN.fullmatch(token)
    if found is None or not all(_is_canonical(part) for part in found.groups()):
        raise ValueError("it is not three parts of base64url")
    part = found[1]
    return members(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def members(text: bytes) -> dict[str, Any]:
    """A JSON object in which nothing stands twice; raises ValueError for anything else."""
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def is_time(value: Any) -> bool:
    """Whether a claim is a number that can be a time: no NaN, nothing without end."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e15 < value < 1e15


def _is_canonical(part: str) -> bool:
    last = _LAST.get(len(part) % 4)
    return last is not None and last.fullmatch(part[-1]) is not None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands in it twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
