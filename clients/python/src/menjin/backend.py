"""menjin as this program sees it: one address, the program's own app credentials, pooled connections.

Lives here: asking over HTTP, bounded in time and size. Does not: what is asked (`feed`, `session_data`, `opening`).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Union
from urllib.parse import quote_plus, urlencode, urlsplit

import urllib3

from .errors import ConfigurationError, ProblemAnswer, Unavailable
from .forks import PerProcess
from .refusals import CODES, Refused, code_of_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .opening import Opened

MAX_ANSWER = 4 * 1024 * 1024
_CONNECT_SECONDS = 3.0
_CONNECTIONS = 16


@dataclass(frozen=True)
class Answer:
    """What menjin said."""

    status: int
    etag: Optional[str]
    body: Any
    text: str


def address(url: str, key: str) -> str:
    """The address without a slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"{key}: {url!r} is no http(s) address such as 'https://login.example.com'")
    return url.rstrip("/")


def pool(ca_file: Optional[str] = None) -> urllib3.PoolManager:
    """Connections of this process. Proxies of the environment are not used, and redirects not followed."""
    return urllib3.PoolManager(num_pools=4, maxsize=_CONNECTIONS, ca_certs=ca_file, retries=False)


class Backend(PerProcess):
    """A program that menjin knows as an app of kind `backend`. Safe to share by threads, and across a fork."""

    def __init__(self, url: str, app: str, secret: str, *, timeout: float = 5.0, ca_file: Optional[str] = None) -> None:
        self.url = address(url, "url")
        self.app = app
        self.timeout = timeout
        if not app or not secret:
            raise ConfigurationError("app and secret: the id and the client_secret of an [[app]] of kind 'backend'")
        # Both parts are escaped as in a form (RFC 6749 section 2.3.1).
        pair = f"{quote_plus(app)}:{quote_plus(secret)}".encode()
        self._authorization = "Basic " + base64.b64encode(pair).decode()
        self._ca_file = ca_file
        super().__init__()

    def __repr__(self) -> str:
        return f"Backend({self.url!r}, {self.app!r})"

    def _begin(self) -> None:
        self._pool = pool(self._ca_file)

    def ask(
        self,
        method: str,
        path: str,
        body: Union[str, Mapping[str, Any], None] = None,
        *,
        query: Optional[Mapping[str, str]] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Answer:
        """One request; a body that is text is JSON already. Raises `Unavailable` where there is no good answer, and
        `ProblemAnswer` where menjin refuses."""
        text = body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False, allow_nan=False)
        sent = None if text is None else text.encode()
        all_headers = self._headers({"Content-Type": "application/json"} if sent else {}, headers)
        # A connection that was idle may be closed as it is used. What may be said twice is said twice.
        tries = 1 if method == "POST" and "Idempotency-Key" not in all_headers else 2
        while True:
            tries -= 1
            try:
                return self._once(method, self._place(path, query), sent, all_headers)
            except urllib3.exceptions.ProtocolError as error:
                if tries == 0:
                    raise Unavailable(f"menjin broke off at {path}: {type(error).__name__}") from error
            except urllib3.exceptions.HTTPError as error:
                raise Unavailable(f"menjin can't be reached at {self.url}: {type(error).__name__}") from error

    def ask_about(
        self, method: str, path: str, body: Union[str, Mapping[str, Any], None] = None, **more: Any
    ) -> Answer:
        """`ask`, about a person: what is told to them is `Refused`, also that menjin is away."""
        try:
            return self.ask(method, path, body, **more)
        except Unavailable as error:
            raise Refused("store_unavailable", str(error)) from error
        except ProblemAnswer as problem:
            is_of_person = problem.status == 401 and problem.code != "client_invalid"
            if is_of_person or problem.code == "sessions_full":
                code = problem.code if problem.code in CODES else code_of_end(problem.code)
                raise Refused(code, str(problem)) from problem
            raise

    def stream(self, path: str, query: Mapping[str, str], silence: float) -> urllib3.BaseHTTPResponse:
        """A server-sent event stream; a silence longer than this ends it."""
        self._enter_process()
        try:
            return self._pool.request(
                "GET",
                self._place(path, query),
                headers=self._headers({"Accept": "text/event-stream"}, None),
                preload_content=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=silence),
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"menjin can't be reached at {self.url}: {type(error).__name__}") from error

    def open_session(self, **wanted: Any) -> Opened:
        """Opens a session for somebody whom this program has authenticated itself; see `menjin.opening.open_session`."""
        from .opening import open_session

        return open_session(self, **wanted)

    def _place(self, path: str, query: Optional[Mapping[str, str]]) -> str:
        return f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")

    def _headers(self, own: Mapping[str, str], more: Optional[Mapping[str, str]]) -> dict[str, str]:
        return {"Authorization": self._authorization, "Accept": "application/json", **own, **(more or {})}

    def _once(self, method: str, url: str, body: Optional[bytes], headers: Mapping[str, str]) -> Answer:
        self._enter_process()
        response = self._pool.request(
            method,
            url,
            body=body,
            headers=headers,
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=self.timeout),
        )
        text = bounded(response, MAX_ANSWER)
        return self._judged(response.status, response.headers.get("ETag"), text)

    def _judged(self, status: int, etag: Optional[str], text: bytes) -> Answer:
        try:
            body = json.loads(text) if text else None
        except ValueError as error:
            raise Unavailable(f"menjin's answer ({status}) is no JSON") from error
        if 200 <= status < 300 or status == 412:
            return Answer(status, etag, body, text.decode())
        said = body if isinstance(body, dict) else {}
        code, detail = str(said.get("code", "?")), str(said.get("detail", ""))
        if status >= 500 or status == 429 or status < 400:
            raise Unavailable(f"menjin answered {status} {code}: {detail}")
        raise ProblemAnswer.of(status, code, detail, self.app)


def bounded(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """The whole body, if it is not larger."""
    text = response.read(most + 1)
    if len(text) > most:
        response.close()
        raise Unavailable(f"menjin's answer is larger than {most} bytes")
    response.release_conn()
    return text
