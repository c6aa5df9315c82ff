"""Servers that fork: a program that was loaded, and used, before its workers were made."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from stand import SECRET, Running, eventually

PROGRAM = """
import json, os, threading
from menjin import Backend, Refused, SessionData, Verifier

backend = Backend(os.environ["ISSUER"], "shop-api", os.environ["SECRET"])
verifier = Verifier(os.environ["ISSUER"], "shop", feed=backend)
assert verifier.check(os.environ["TOKEN"])  # Keys, feed, thread and connections are there before the fork.
assert dict(SessionData(backend, os.environ["TOKEN"])) == {}


def application(environ, start_response):
    try:
        caller = verifier.check_header(environ.get("HTTP_AUTHORIZATION"))
        said = {"user": caller.user, "threads": [thread.name for thread in threading.enumerate()]}
        if environ["PATH_INFO"] == "/data":
            said["data"] = dict(SessionData(backend, caller.token))
    except Refused as refusal:
        said = {"code": refusal.code}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"worker": os.getpid(), **said}).encode()]
"""


def ask(port, path, token):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_two_workers_of_a_program_that_was_loaded_before_the_fork_both_hear_the_feed(menjin, person, tmp_path):
    tokens = menjin.sign_in(person)
    (tmp_path / "program.py").write_text(PROGRAM)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        port = listening.getsockname()[1]
        # Sent through a shell-less descriptor: gunicorn takes the socket that is open already.
        environment = {
            "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
            "ISSUER": menjin.url,
            "SECRET": SECRET,
            "TOKEN": tokens["access_token"],
        }
        arguments = ["--preload", "--workers", "2", "--bind", f"fd://{listening.fileno()}", "program:application"]
        server = Running([sys.executable, "-m", "gunicorn", *arguments], tmp_path, environment, (listening.fileno(),))
        try:
            server.find("(Booting worker with pid)")
            workers: dict[int, dict] = {}

            def both(path, key, value):
                def asked():
                    said = ask(port, path, tokens["access_token"])
                    workers[said["worker"]] = said
                    return len(workers) == 2 and all(said.get(key) == value for said in workers.values())

                return asked

            eventually(both("/", "user", tokens["user"]["id"]), "both workers let the person in")
            assert all("menjin-feed" in said["threads"] for said in workers.values())
            eventually(both("/data", "data", {}), "both read the session's data, each over connections of its own")
            menjin.ban(tokens)
            eventually(both("/", "code", "user_disabled"), "both workers refuse the person")
        finally:
            server.stop()
    assert not any("Traceback" in line for line in server.lines), "".join(server.lines)
