"""A Flask program with the extension."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask import Flask, jsonify, request
from stand import eventually

from menjin import ConfigurationError
from menjin.flask import (
    Menjin,
    current_caller,
    current_user,
    login_required,
    permission_required,
    role_required,
    session_data,
)


@pytest.fixture
def program(menjin):
    """Makes a client of a program; its feeds are closed after the test."""
    extensions = []

    def make(user_loader=None):
        app = Flask(__name__)
        app.config["MENJIN"] = menjin.settings()
        extensions.append(Menjin(app, user_loader))
        return client_of(app)

    yield make
    for extension in extensions:
        extension.settings.verifier.feed.close()


def client_of(app):
    @app.get("/whoami")
    def whoami():
        return jsonify(user=current_user.user if current_user else None, data=dict(session_data))

    @app.route("/cart", methods=["GET", "POST", "DELETE"])
    @login_required
    def cart():
        if request.method == "POST":
            session_data.update(request.get_json())
        if request.method == "DELETE":
            session_data.flush()
        return jsonify(dict(session_data))

    @app.get("/failing")
    def failing():
        session_data["half"] = 1
        raise RuntimeError("half way")

    @app.get("/admin")
    @login_required
    def admin():
        current_caller.require("orders:read")
        return "never"

    @app.get("/clerk")
    @role_required("clerk")
    def clerk():
        return jsonify(clerk=current_caller.user)

    @app.get("/listed")
    @permission_required("orders:list")
    async def listed():
        return jsonify(clerk=current_caller.user)

    return app.test_client()


def bearer(tokens):
    return {"headers": {"Authorization": f"Bearer {tokens['access_token']}"}}


def test_a_request_has_its_person_and_their_sessions_data(program, menjin, person):
    phone, tablet = menjin.sign_in(person, "phone"), menjin.sign_in(person, "tablet")
    client = program()
    assert client.get("/whoami").json == {"user": None, "data": {}}
    assert client.get("/whoami", **bearer(phone)).json == {"user": phone["user"]["id"], "data": {}}
    assert client.post("/cart", json={"cart": [1]}, **bearer(phone)).json == {"cart": [1]}
    assert client.get("/cart", **bearer(phone)).json == {"cart": [1]}
    assert client.get("/cart", **bearer(tablet)).json == {}
    assert client.delete("/cart", **bearer(phone)).json == {} == client.get("/cart", **bearer(phone)).json


def test_a_protected_view_tells_the_client_why(program, menjin, person):
    client = program()
    answer = client.get("/cart", headers={"Accept-Language": "zh"})
    assert (answer.status_code, answer.json["code"], answer.json["title"]) == (401, "token_missing", "未登录")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="menjin"'
    assert answer.content_type == "application/problem+json"
    tokens = menjin.sign_in(person)
    answer = client.get("/admin", **bearer(tokens))
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    menjin.logout(tokens)
    code = eventually(lambda: (client.get("/cart", **bearer(tokens)).json or {}).get("code"), "it is refused")
    assert code == "session_ended"


@pytest.mark.parametrize("path", ["/clerk", "/listed"])
def test_a_role_lets_into_a_view_and_its_end_holds_at_once(program, menjin, person, path):
    client = program()

    def answer(tokens):
        got = client.get(path, **bearer(tokens))
        return got.status_code, got.json.get("code") or got.json.get("clerk"), got.json.get("action")

    assert client.get(path).json["code"] == "token_missing"
    nobody = menjin.sign_in(person)
    assert answer(nobody) == (403, "forbidden", "none")
    menjin.command("role", "set", "clerk", "--permission", "orders:*")
    clerk = menjin.change_role("grant", "clerk", nobody)
    assert answer(clerk) == (200, nobody["user"]["id"], None)
    former = menjin.change_role("revoke", "clerk", clerk)
    eventually(lambda: answer(clerk) == (401, "token_expired", "refresh"), "the older token is refused")
    assert answer(former) == (403, "forbidden", "none")


def test_what_a_failed_view_left_behind_is_not_kept(program, menjin, person):
    client, tokens = program(), menjin.sign_in(person)
    assert client.get("/failing", **bearer(tokens)).status_code == 500
    assert client.get("/cart", **bearer(tokens)).json == {}


def test_a_program_may_have_users_of_its_own(program, menjin, person):
    tokens = menjin.sign_in(person)
    client = program(lambda claims: SimpleNamespace(user=f"number {claims['number']}"))
    assert client.get("/whoami", **bearer(tokens)).json["user"] == f"number {tokens['user']['number']}"
    nobody = program(lambda _: None)
    assert nobody.get("/whoami", **bearer(tokens)).json["user"] is None
    assert nobody.get("/cart", **bearer(tokens)).json["code"] == "user_disabled"


def test_a_wrong_setting_is_refused_at_the_start():
    app = Flask(__name__)
    app.config["MENJIN"] = {"ISSUER": "https://login.example.com/", "AUDIENCE": "shop", "FEED": False}
    with pytest.raises(ConfigurationError, match="ISSUER.*slash"):
        Menjin(app)
