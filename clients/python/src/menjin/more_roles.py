"""Roles and permissions that a token has not room for: menjin tells them to whoever holds it.

Does not: remember them (`verifier` does, with the token), or hear of changes: what changes outdates the token itself.
"""

from __future__ import annotations

import json
from typing import Any, Optional

import urllib3

from .backend import MAX_ANSWER, bounded, pool
from .errors import Unavailable
from .forks import PerProcess
from .refusals import Refused

_SECONDS = 3.0


class MoreRoles(PerProcess):
    """Where they are asked for."""

    def __init__(self, url: str, *, ca_file: Optional[str] = None) -> None:
        self._url = f"{url}/v1/me/roles"
        self._ca_file = ca_file
        super().__init__()

    def _begin(self) -> None:
        self._pool = pool(self._ca_file)

    def add(self, token: str, claims: dict[str, Any]) -> dict[str, Any]:
        """The claims, with all roles and permissions."""
        if claims.get("more_roles") is not True:
            return claims
        try:
            status, text = self._ask(token)
            # menjin knows already that it is over or outdated; what a refresh meets says which.
            if status == 401:
                raise Refused("token_expired", "menjin refuses the token")
            said = json.loads(text)
            if status != 200 or not isinstance(said.get("roles"), list) or not isinstance(said.get("permissions"), list):
                raise Unavailable(f"menjin answered {status}")
        except (urllib3.exceptions.HTTPError, ValueError, AttributeError, Unavailable) as error:
            raise Refused("store_unavailable", f"the token's roles can't be asked for: {error}") from error
        return {**claims, "roles": said["roles"], "permissions": said["permissions"]}

    def _ask(self, token: str) -> tuple[int, bytes]:
        self._enter_process()
        response = self._pool.request(
            "GET",
            self._url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS),
        )
        return response.status, bounded(response, MAX_ANSWER)
