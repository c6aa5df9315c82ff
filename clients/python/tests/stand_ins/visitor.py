"""Goes through `examples/django` as a client does, with the settings named in the environment; prints what it saw as JSON.

Its argument is a token of an earlier visit, or nothing.
"""

import json
import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

call_command("migrate", verbosity=0)
call_command("check", fail_level="WARNING", stdout=sys.stderr)
for name in ("alice", "bob"):
    if not User.objects.filter(username=name).exists():
        User.objects.create_user(name, password="correct horse")


def seen(answer):
    return [answer.status_code, {**answer.json(), "token": "…"} if "token" in answer.json() else answer.json()]


def login(name, password="correct horse"):
    return Client().post("/login", {"username": name, "password": password})


def cart(token, item=None, scheme="JWT"):
    headers = {"HTTP_AUTHORIZATION": f"{scheme} {token}"} if token else {}
    return seen(Client().post("/cart", {"item": item}, **headers) if item else Client().get("/cart", **headers))


alice, bob = login("alice").json()["token"], login("bob").json()["token"]
same = [
    seen(login("alice")),
    seen(login("alice", "wrong")),
    cart(None),
    cart("nonsense"),
    cart(alice),
    cart(alice, "tea"),
    cart(alice, "cup"),
    cart(alice),
    cart(bob),
    cart(bob, "pot"),
    cart(alice, scheme="Basic"),
]
print(json.dumps({"same": same, "token": alice, "old": cart(sys.argv[1]) if sys.argv[1:] else None}))
