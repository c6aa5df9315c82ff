"""Whom menjin has signed in, for Python programs.

`Verifier` checks access tokens offline, `Backend` asks menjin as an app of its own, `SessionData` is the map beside each
session. `menjin.django`, `menjin.drf` and `menjin.flask` bring them into a web framework.
"""

from .backend import Backend
from .caller import Caller
from .errors import ConfigurationError, ProblemAnswer, Unavailable
from .legacy import Legacy
from .opening import Opened, open_session
from .refusals import Refused
from .session_data import SessionData
from .verifier import Verifier

__all__ = [
    "Backend",
    "Caller",
    "ConfigurationError",
    "Legacy",
    "Opened",
    "ProblemAnswer",
    "Refused",
    "SessionData",
    "Unavailable",
    "Verifier",
    "open_session",
]
