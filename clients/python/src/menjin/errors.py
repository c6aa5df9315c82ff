"""What can go wrong between a program and menjin, apart from refused requests (`refusals`)."""

from __future__ import annotations

from typing import Optional


class ConfigurationError(ValueError):
    """The program was set up wrongly: the message names the key and the remedy."""


class Unavailable(Exception):
    """menjin could not be asked, or could not answer: try again later."""


class ProblemAnswer(Exception):
    """menjin refused what this program asked: a mistake of the program or of menjin.toml, rarely of a person."""

    def __init__(self, status: int, code: str, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.code = code

    @classmethod
    def of(cls, status: int, code: str, detail: str, app: Optional[str]) -> ProblemAnswer:
        """With the remedy where it is known."""
        remedies = {
            "client_invalid": f"menjin does not know the app {app!r} by this secret: compare its [[app]]'s id and client_secret",
            "insufficient_scope": f"the app {app!r} lacks a scope in menjin: add it to `scopes` of its [[app]]. {detail}",
        }
        return cls(status, code, remedies.get(code) or f"menjin answered {status} {code}: {detail}")
