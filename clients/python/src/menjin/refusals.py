"""Why a request does not get through, and how that is answered: status, challenge (RFC 6750), problem JSON (RFC 9457).

Lives here: the codes with their words. Does not: decide anything, or say how it was found out.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

RETRY_SECONDS = 2


class Code(NamedTuple):
    """What stands behind the `code` of a problem."""

    status: int
    action: str
    chinese: tuple[str, str]
    english: tuple[str, str]


_NOT_NOW = "Can't verify now"
CODES: dict[str, Code] = {
    "token_missing": Code(
        401,
        "relogin",
        ("未登录", "请求没有带令牌，请先登录。"),
        ("Not signed in", "The request has no token. Sign in first."),
    ),
    "token_invalid": Code(
        401,
        "relogin",
        ("令牌无效", "令牌无效，请重新登录。"),
        ("Invalid token", "The token is not valid. Sign in again."),
    ),
    "token_expired": Code(
        401,
        "refresh",
        ("令牌已过期", "令牌已过期，请刷新后重试。"),
        ("Token expired", "The token has expired. Refresh it and ask again."),
    ),
    "session_ended": Code(
        401,
        "relogin",
        ("登录已结束", "登录已结束，请重新登录。"),
        ("Signed out", "The sign-in has ended. Sign in again."),
    ),
    "session_replaced": Code(
        401,
        "relogin",
        ("已在其他设备登录", "账号已在其他设备登录，请重新登录。"),
        ("Signed in elsewhere", "Another device has signed in to this account. Sign in again."),
    ),
    "session_kicked": Code(
        401,
        "relogin",
        ("已被下线", "此设备已被下线，请重新登录。"),
        ("Signed out remotely", "This device was signed out. Sign in again."),
    ),
    "session_expired": Code(
        401,
        "relogin",
        ("登录已过期", "登录时间过长，请重新登录。"),
        ("Sign-in expired", "The sign-in is too old. Sign in again."),
    ),
    "user_disabled": Code(
        401,
        "none",
        ("账号已停用", "账号已停用，如有疑问请联系客服。"),
        ("Account disabled", "The account is disabled. Ask for support."),
    ),
    "password_changed": Code(
        401,
        "relogin",
        ("密码已修改", "密码已修改，请用新密码登录。"),
        ("Password changed", "The password was changed. Sign in with the new one."),
    ),
    "refresh_reused": Code(
        401,
        "relogin",
        ("登录存在风险", "刷新令牌被重复使用，为安全起见请重新登录。"),
        ("Sign-in at risk", "A refresh token was used twice. To be safe, sign in again."),
    ),
    "restored": Code(
        401,
        "relogin",
        ("请重新登录", "系统刚从备份恢复，请重新登录。"),
        ("Sign in again", "The system was restored from a backup. Sign in again."),
    ),
    "account_closed": Code(
        401,
        "relogin",
        ("账号已注销", "账号已注销，相关数据已删除。"),
        ("Account closed", "The account was closed, and its data was deleted."),
    ),
    "user_deleting": Code(
        401,
        "none",
        ("账号注销中", "账号正在注销。在注销完成之前重新登录，即可保留账号。"),
        ("Account is being deleted", "The account is being deleted. Signing in before that is done keeps it."),
    ),
    "user_merged": Code(
        401,
        "relogin",
        ("账号已合并", "同一个人的账号已合并或分开，请重新登录。"),
        ("Accounts merged", "Accounts of one person were merged or separated. Sign in again."),
    ),
    "insufficient_scope": Code(
        403,
        "none",
        ("授权范围不足", "令牌的授权范围不包含此操作。"),
        ("Insufficient scope", "The token's scope does not cover this."),
    ),
    "forbidden": Code(
        403,
        "none",
        ("没有权限", "没有执行此操作的权限。"),
        ("Forbidden", "You may not do this."),
    ),
    "sessions_full": Code(
        409,
        "none",
        ("登录设备数已达上限", "该账号的登录数已达上限：请先在其他设备上退出，再重新登录。"),
        (
            "Signed in in too many places",
            "This account is signed in in as many places as it may be. Sign out somewhere first.",
        ),
    ),
    "keys_unavailable": Code(
        503,
        "retry",
        ("暂时无法验证", "暂时无法验证登录状态，请稍后重试。"),
        (_NOT_NOW, "The sign-in can't be verified at the moment. Try again soon."),
    ),
    "revocations_stale": Code(
        503,
        "retry",
        ("暂时无法验证", "暂时无法确认登录是否仍然有效，请稍后重试。"),
        (_NOT_NOW, "Whether the sign-in still holds is not known at the moment. Try again soon."),
    ),
    "store_unavailable": Code(
        503,
        "retry",
        ("暂时无法保存", "暂时无法读写会话数据，请稍后重试。"),
        ("Can't keep data now", "The session's data can't be read or written at the moment. Try again soon."),
    ),
}

_ENDS = {code for code, spec in CODES.items() if spec.status == 401} - {"token_missing", "token_invalid"}


def code_of_end(reason: str) -> str:
    """The code of an end that is told with this reason; one that nobody knows is a `session_ended`."""
    return reason if reason in _ENDS else "session_ended"


class Refused(Exception):
    """A request that does not get through: raise it anywhere in a view, and the client reads the problem."""

    def __init__(self, code: str, why: str = "", *, scope: Optional[str] = None) -> None:
        spec = CODES[code]
        super().__init__(f"{code}: {why}" if why else code)
        self.code = code
        self.status = spec.status
        self.action = spec.action
        self.scope = scope

    def problem(self, accept_language: Optional[str] = None) -> dict[str, Any]:
        """The members of the answer, in the language that the client asked for."""
        spec = CODES[self.code]
        title, detail = spec.chinese if _prefers_chinese(accept_language) else spec.english
        return {
            "type": f"/problems/{self.code}",
            "title": title,
            "status": self.status,
            "detail": detail,
            "code": self.code,
            "action": self.action,
        }

    @property
    def challenge(self) -> Optional[str]:
        """`WWW-Authenticate` of a 401, and of a 403 for lack of scope."""
        if self.code == "token_missing":
            return 'Bearer realm="menjin"'
        if self.scope is not None:
            scope = "".join(c for c in self.scope if c in " !" or ("#" <= c <= "~" and c != "\\"))
            return f'Bearer realm="menjin", error="insufficient_scope", scope="{scope}"'
        if self.status == 401:
            title = CODES[self.code].english[0]
            return f'Bearer realm="menjin", error="invalid_token", error_description="{title}"'
        return None

    def headers(self, accept_language: Optional[str] = None) -> dict[str, str]:
        """All headers of the answer."""
        headers = {
            "Content-Type": "application/problem+json",
            "Cache-Control": "no-store",
            "Content-Language": "zh-CN" if _prefers_chinese(accept_language) else "en",
            "Vary": "Accept-Language",
        }
        if self.challenge is not None:
            headers["WWW-Authenticate"] = self.challenge
        if self.status == 503:
            headers["Retry-After"] = str(RETRY_SECONDS)
        return headers

    def body(self, accept_language: Optional[str] = None) -> str:
        """The answer's text."""
        return json.dumps(self.problem(accept_language), ensure_ascii=False)


def _prefers_chinese(accept_language: Optional[str]) -> bool:
    best, chinese = 0.0, False
    for language_range in (accept_language or "").split(","):
        tag, _, parameters = language_range.partition(";")
        primary = tag.strip().split("-")[0].lower()
        weight = _weight(parameters.strip())
        if primary in ("zh", "en") and weight > best:
            best, chinese = weight, primary == "zh"
    return chinese


def _weight(parameters: str) -> float:
    if not parameters.startswith("q="):
        return 1.0
    try:
        return float(parameters[2:])
    except ValueError:
        return 0.0
