"""A whole menjin for a test: the built program on free ports in a temporary folder, with the simulator as WeChat.

Lives here: starting, steering and stopping it, and waiting. Does not: assert.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a secret of the shop's own: 100 %+&= safe"
_DEADLINE = 20.0
_CONFIGURATION = """
secret_key = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="

[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
drain = "1s"

[admin]
listen = "127.0.0.1:0"

[store]
url = "sqlite://menjin.db"

[limits]
enabled = false

[lifetimes]
{lifetimes}

[log]
level = "info"

[[app]]
id = "shop"
kind = "mini_program"
platform = "wechat"
appid = "wx0123456789abcdef"
secret = "0123456789abcdef0123456789abcdef"
base_url = "{simulator}"

[[app]]
id = "shop-api"
kind = "backend"
audience = "shop"
client_secret = "{secret}"
scopes = ["session-data", "sessions:open", "revocations:read"]

[[app]]
id = "no-scopes"
kind = "backend"
audience = "shop"
client_secret = "{secret}"

[audience.shop.claims]
number = "user.number"
{more}
"""


def program() -> str:
    """Where the built menjin is."""
    return os.environ.get("MENJIN_TEST_PROGRAM") or str(ROOT / "target/debug/menjin")


def eventually(is_so: Callable[[], Any], what: str) -> Any:
    """Waits until it is so, and gives what was found; fails at the deadline."""
    end = time.monotonic() + _DEADLINE
    pause = threading.Event()
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"never came to pass: {what}")
        pause.wait(0.02)


def call(url: str, body: Any = None, headers: Optional[dict[str, str]] = None) -> Any:
    """JSON in, JSON out; POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{url}: {refused.code} {refused.read().decode()}") from None


class Running:
    """A program that runs until it is stopped; what it prints is read all the time."""

    def __init__(
        self,
        arguments: list[str],
        folder: Path,
        environment: Optional[dict[str, str]] = None,
        open_files: tuple[int, ...] = (),
    ) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MENJIN__")}
        self._process = subprocess.Popen(
            arguments,
            cwd=folder,
            env={**kept, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=open_files,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as printed:
            self.lines.extend(iter(printed.readline, ""))

    def find(self, pattern: str) -> str:
        """The first group, once it was printed."""

        def found() -> Optional[str]:
            hit = re.search(pattern, "".join(self.lines))
            if hit is None and self._process.poll() is not None:
                self._reader.join(5)
                hit = re.search(pattern, "".join(self.lines))
                if hit is None:
                    raise AssertionError(f"it ended with {self._process.returncode}: {''.join(self.lines)}")
            return hit and hit[1]

        return eventually(found, f"{pattern} in what it prints")

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Ends it, and waits."""
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(30)
        self._reader.join(5)


class Menjin:
    """`menjin serve` and `menjin sim`."""

    def __init__(self, folder: Path, lifetimes: str = "", more: str = "") -> None:
        self.folder = folder
        self._texts = {"lifetimes": lifetimes, "more": more, "secret": SECRET}
        self._sim = Running(
            [program(), "sim", "--port", "0", "--app", "wx0123456789abcdef:" + "0123456789abcdef" * 2], folder
        )
        self.simulator = self._sim.find(r"(http://127\.0\.0\.1:\d+)")
        self._server: Optional[Running] = None
        self._start_on_a_free_port()

    def _start_on_a_free_port(self) -> None:
        # The port is in the issuer, so it must be known before; another program may take it meanwhile.
        for _ in range(5):
            with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
                port = free.getsockname()[1]
            text = _CONFIGURATION.format(port=port, simulator=self.simulator, **self._texts)
            (self.folder / "menjin.toml").write_text(text, encoding="utf-8")
            self.url = f"http://127.0.0.1:{port}"
            with contextlib.suppress(AssertionError):
                return self.start()
        raise AssertionError("".join(self._server.lines if self._server else []))

    def start(self) -> None:
        """Starts the server, on the same port as before."""
        self._server = Running([program(), "serve", "--insecure-for-trying"], self.folder)
        self._server.find("(menjin serves)")

    def stop(self) -> None:
        """Stops the server; its data stays."""
        if self._server is not None:
            self._server.stop()

    def close(self) -> None:
        """Stops everything."""
        self.stop()
        self._sim.stop()

    def sign_in(self, person: str, device: Optional[str] = None) -> dict[str, Any]:
        """What a mini program gets."""
        code = call(f"{self.simulator}/_sim/wx/login", {"person": person})["code"]
        more = {"device": {"id": device}} if device else {}
        return call(f"{self.url}/v1/login/shop", {"code": code, **more})

    def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The next pair, as a client gets it that was told to refresh."""
        body = {"refresh_token": tokens["refresh_token"]}
        return {**tokens, **call(f"{self.url}/v1/token/refresh", body)}

    def change_role(self, act: str, role: str, tokens: dict[str, Any]) -> dict[str, Any]:
        """An operator grants or revokes it; the person's next pair."""
        self.command("role", act, role, tokens["user"]["id"])
        return self.refresh(tokens)

    def logout(self, tokens: dict[str, Any]) -> None:
        """The person signs out."""
        call(f"{self.url}/v1/logout", {"refresh_token": tokens["refresh_token"]})

    def command(self, *arguments: str) -> str:
        """Another `menjin …`, beside the running server."""
        ran = subprocess.run(
            [program(), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        if ran.returncode != 0:
            raise AssertionError(f"menjin {' '.join(arguments)}: {ran.stdout}{ran.stderr}")
        return ran.stdout

    def ban(self, tokens: dict[str, Any]) -> None:
        """An operator disables the account."""
        self.command("user", "disable", tokens["user"]["id"])

    def settings(self, **more: Any) -> dict[str, Any]:
        """`MENJIN = {…}` for a web framework."""
        return {"ISSUER": self.url, "AUDIENCE": "shop", "APP": "shop-api", "SECRET": SECRET, **more}


class Dev:
    """`menjin dev` in this folder, as the pages start it but for the ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running = Running([program(), "dev", "--port", "0", "--sim-port", "0"], folder)
        self.url = self._running.find(r"menjin tour --url (http://127\.0\.0\.1:\d+)")

    def close(self) -> None:
        """Stops it."""
        self._running.stop()


@contextlib.contextmanager
def copied_keys(menjin: Menjin) -> Iterator[tuple[str, list[str]]]:
    """A server of menjin's keys as they are now, and the list of those who asked for them."""
    keys = json.dumps(call(f"{menjin.url}/.well-known/jwks.json")).encode()
    asked: list[str] = []

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(keys)))
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/jwks.json", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
