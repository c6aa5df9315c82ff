"""What the pages in `docs/backends` tell people to do, done: their files written, their programs started, their requests sent."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stand import ROOT, SECRET, Dev, Running, program

PAGES = ROOT / "docs/backends"
MENJIN, PROGRAM = "http://127.0.0.1:7600", "http://127.0.0.1:8000"
_FENCE = re.compile(r"^([^\n]*)\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """The line before each block of code, its language, and its text."""
    return _FENCE.findall((PAGES / f"{page}.md").read_text(encoding="utf-8"))


class Walk:
    """Somebody who does what a page says, with other ports."""

    def __init__(self, page: str, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.dev = Dev(folder)

    def write_files(self) -> None:
        for before, language, text in blocks(self.page):
            named = re.match(r"(At the end of|All of) `([\w/.]+)`:$", before)
            if named and language == "python":
                file = self.folder / named[2]
                kept = file.read_text() + "\n" if named[1] == "At the end of" else ""
                file.write_text(kept + text.replace(MENJIN, self.dev.url))

    def run(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        ran = subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=120, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def requests(self, url: str) -> list[dict]:
        """What the page's requests are answered."""
        [script] = [text for _, language, text in blocks(self.page) if language == "sh" and "TOKEN=" in text]
        script = script.replace(MENJIN, self.dev.url).replace(PROGRAM, url)
        ran = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        decode, text, found = json.JSONDecoder().raw_decode, ran.stdout.strip(), []
        while text:
            said, end = decode(text)
            found.append(said)
            text = text[end:].strip()
        return found


def environment():
    return {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
        "DJANGO_SETTINGS_MODULE": "shop.settings",
    }


@pytest.fixture
def walk(request, tmp_path):
    walk = Walk(request.param, tmp_path)
    yield walk
    walk.dev.close()


def is_a_cart_and_then_refused(answers, reason="token_missing"):
    posted, asked, refused = answers
    assert posted == asked and posted["user"].startswith("usr_") and posted["cart"] == ["tea"]
    return refused


@pytest.mark.parametrize("walk", ["django", "drf"], indirect=True)
def test_the_django_pages_lead_to_a_protected_view_that_reads_the_session(walk):
    walk.run("-m", "django", "startproject", "shop", ".")
    walk.write_files()
    walk.run("manage.py", "check", "--fail-level", "WARNING")
    walk.run("manage.py", "migrate")
    arguments = [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"]
    server = Running(arguments, walk.folder, environment())
    try:
        url = server.find(r"server at (http://127\.0\.0\.1:[1-9]\d*)")
        refused = is_a_cart_and_then_refused(walk.requests(url))
    finally:
        server.stop()
    if walk.page == "django":
        assert (refused["code"], refused["action"]) == ("token_missing", "relogin")
    else:
        assert list(refused) == ["detail"]  # DRF's own words: no class was given anything.


@pytest.mark.parametrize("walk", ["flask"], indirect=True)
def test_the_flask_page_leads_to_a_protected_view_that_reads_the_session(walk):
    walk.write_files()
    server = Running([sys.executable, "-m", "flask", "--app", "shop", "run", "--port", "0"], walk.folder, environment())
    try:
        url = server.find(r"Running on (http://127\.0\.0\.1:[1-9]\d*)")
        refused = is_a_cart_and_then_refused(walk.requests(url))
    finally:
        server.stop()
    assert (refused["code"], refused["action"]) == ("token_missing", "relogin")


@pytest.mark.parametrize("page", ["django", "drf", "flask"])
def test_what_the_pages_import_is_there(page):
    found = 0
    for _, language, text in blocks(page):
        for line in text.splitlines() if language == "python" else ():
            if line.startswith("from menjin"):
                statement = ast.parse(line).body[0]
                module = __import__(statement.module, fromlist=["*"])
                assert all(hasattr(module, name.name) for name in statement.names), line
                found += 1
    assert found or page == "drf"


def test_the_app_that_the_django_page_puts_into_menjin_toml_is_taken(tmp_path):
    [app] = [text for _, language, text in blocks("django") if language == "toml"]
    key = base64.b64encode(bytes(range(32))).decode()
    start = f'secret_key = "{key}"\n[server]\npublic_url = "https://login.menjin.test"\n{app}'
    shop = '[[app]]\nid = "shop"\nkind = "mini_program"\nplatform = "wechat"\nappid = "wx0123456789abcdef"\n'
    (tmp_path / "menjin.toml").write_text(f'{start}{shop}secret = "{"0123456789abcdef" * 2}"\n')
    (tmp_path / "shop-api.secret").write_text("a secret of the shop's own, long enough")
    ran = subprocess.run([program(), "config", "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    for scope in ("revocations:read", "session-data", "sessions:open"):
        assert f'"{scope}"' in ran.stdout, ran.stdout


def test_the_old_tokens_of_the_django_page_are_those_of_the_example():
    [old] = [text for _, _, text in blocks("django") if text.startswith('"LEGACY"')]
    assert old.strip() in (ROOT / "examples/django/after.py").read_text()


def test_what_the_flask_page_does_without_a_framework_lets_in_and_refuses(menjin, person):
    [text] = [text for _, _, text in blocks("flask") if text.startswith("from menjin import")]
    text = text.replace("https://login.example.com", menjin.url).replace('os.environ["MENJIN_SECRET"]', "secret")
    function = "def handle(headers, secret):\n" + "".join(f"    {line}" for line in text.splitlines(keepends=True))
    room = {}
    exec(f"{function}    verifier.feed.close()\n    return dict(data)\n", room)
    token = menjin.sign_in(person)["access_token"]
    assert room["handle"]({"Authorization": f"Bearer {token}"}, SECRET) == {"seen": True}
    status, headers, body = room["handle"]({}, SECRET)
    assert (status, json.loads(body)["code"], "WWW-Authenticate" in headers) == (401, "token_missing", True)


def test_the_django_page_names_every_setting():
    from menjin.django.configuration import OWN_KEYS
    from menjin.settings import _KEYS

    text = (PAGES / "django.md").read_text(encoding="utf-8")
    missing = [key for key in {**_KEYS, **OWN_KEYS} if f"`{key}`" not in text]
    assert missing == []
