"""Who is calling, as the token says. Nothing is looked up here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from .refusals import Refused


@dataclass(frozen=True)
class Caller:
    """Somebody whom menjin has signed in; or, with `legacy`, whom an old system had."""

    claims: dict[str, Any]
    token: str = field(repr=False)
    # `usr_…`, stable for ever; None for a legacy token.
    user: Optional[str] = None
    # `ses_…`, this sign-in on this device; None for a legacy token.
    session: Optional[str] = None
    # The app that the person uses.
    client_id: Optional[str] = None
    # Which `Legacy` vouches for the token.
    legacy: Optional[str] = None

    @property
    def scopes(self) -> list[str]:
        """What the token may be used for."""
        scope = self._given("scope")
        return scope.split() if isinstance(scope, str) else []

    @property
    def roles(self) -> list[str]:
        """Roles for this audience."""
        return _texts(self._given("roles"))

    @property
    def permissions(self) -> list[str]:
        """What the roles allow, wildcards kept."""
        return _texts(self._given("permissions"))

    def _given(self, claim: str) -> Any:
        """Whatever an old system called so, it is nothing that menjin has given."""
        return None if self.legacy else self.claims.get(claim)

    def require_scope(self, scope: str) -> None:
        """Goes on only if the token has this scope."""
        if scope not in self.scopes:
            raise Refused("insufficient_scope", scope, scope=scope)

    def require_role(self, role: str) -> None:
        """Goes on only if the caller has this role."""
        if role not in self.roles:
            raise Refused("forbidden", f"the role {role}")

    def require(self, permission: str) -> None:
        """Goes on only if one of the caller's permissions covers this one, such as `orders:read`."""
        if not any(permits(granted, permission) for granted in self.permissions):
            raise Refused("forbidden", f"the permission {permission}")


def permits(granted: str, needed: str) -> bool:
    """Whether a granted permission covers a needed one.

    Segments stand between colons; `*` covers any one segment, and at the end all that follow: `orders:*` covers
    `orders:read` and `orders:read:own`, but not `orders`.
    """
    have, want = granted.split(":"), needed.split(":")
    if "" in have or "" in want:
        return False
    if have[-1] == "*" and len(want) > len(have):
        want = want[: len(have)]
    return len(have) == len(want) and all(one in ("*", other) for one, other in zip(have, want))


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
