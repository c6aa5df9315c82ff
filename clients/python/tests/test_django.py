"""A Django project with the middleware: sync and async views, jwt_login, checks."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jwt
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections
from django.test import AsyncClient, Client, RequestFactory, override_settings
from stand import eventually

from menjin.django import login_required, user_jwt_logged_in


@pytest.fixture(scope="module", autouse=True)
def database(tmp_path_factory):
    connections["default"].settings_dict["NAME"] = str(tmp_path_factory.mktemp("database") / "db.sqlite3")
    call_command("migrate", verbosity=0, stdout=io.StringIO())


@pytest.fixture
def settings(menjin):
    with override_settings(MENJIN=menjin.settings()):
        yield


def bearer(token, scheme="Bearer"):
    return {"HTTP_AUTHORIZATION": f"{scheme} {token}"}


def by_name_alone(claims):
    return SimpleNamespace(username=claims["sub"])


pytestmark = pytest.mark.usefixtures("settings")


def test_a_token_from_a_mini_program_brings_its_person_and_djangos_own_user_is_left_alone(menjin, person):
    tokens = menjin.sign_in(person)
    said = Client().get("/whoami", **bearer(tokens["access_token"])).json()
    assert said == {"user": tokens["user"]["id"], "data": {}, "anonymous": True}
    made = get_user_model().objects.get(username=tokens["user"]["id"])
    assert not made.has_usable_password() and not made.is_staff
    assert Client().get("/whoami", **bearer(tokens["access_token"], "JWT")).json()["user"] == made.username
    assert get_user_model().objects.filter(username=made.username).count() == 1


@pytest.mark.parametrize("headers", [{}, bearer("nonsense"), bearer(""), {"HTTP_AUTHORIZATION": "Basic YTpi"}])
def test_without_a_good_token_there_is_nobody_and_the_session_is_empty(headers):
    assert Client().get("/whoami", **headers).json() == {"user": None, "data": {}, "anonymous": True}


def test_a_view_that_does_not_ask_costs_nothing():
    with override_settings(MENJIN={"ISSUER": "http://127.0.0.1:9", "AUDIENCE": "x", "APP": "x", "SECRET": "x"}):
        assert Client().get("/untouched", **bearer("x.y.z")).status_code == 200


def test_a_protected_view_tells_the_client_why(menjin, person):
    answer = Client().get("/cart")
    assert (answer.status_code, answer.json()["code"], answer.json()["action"]) == (401, "token_missing", "relogin")
    assert (
        answer["WWW-Authenticate"] == 'Bearer realm="menjin"' and answer["Content-Type"] == "application/problem+json"
    )
    answer = Client().get("/cart", **bearer("nonsense"), HTTP_ACCEPT_LANGUAGE="zh-CN,zh;q=0.9")
    assert (answer.json()["code"], answer.json()["title"]) == ("token_invalid", "令牌无效")
    tokens = menjin.sign_in(person)
    assert Client().get("/cart", **bearer(tokens["access_token"])).status_code == 200
    menjin.ban(tokens)

    def banned():
        answer = Client().get("/cart", **bearer(tokens["access_token"]))
        return answer if answer.status_code == 401 else None

    answer = eventually(banned, "the banned person is refused")
    assert (answer.json()["code"], answer.json()["action"]) == ("user_disabled", "none")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_a_class_is_protected_too_and_what_a_view_refuses_is_answered_as_such(menjin, person):
    assert Client().get("/orders").json()["code"] == "token_missing"
    answer = Client().get("/orders", **bearer(menjin.sign_in(person)["access_token"]))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


GUARDED = ["clerk", "listed", "class-listed", "rest-clerk", "rest-listed", "async-clerk", "async-listed"]


@pytest.mark.parametrize("path", GUARDED)
def test_a_role_lets_into_a_view_and_its_end_holds_at_once(menjin, person, path):
    ask = async_to_sync(AsyncClient().get) if path.startswith("async") else Client().get

    def answer(tokens):
        got = ask(f"/{path}", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        body = got.json()
        return got.status_code, body.get("code") or body.get("clerk"), body.get("action")

    assert ask(f"/{path}").status_code == 401
    nobody = menjin.sign_in(person)
    assert answer(nobody) == (403, "forbidden", "none")
    menjin.command("role", "set", "clerk", "--permission", "orders:*")
    clerk = menjin.change_role("grant", "clerk", nobody)
    assert answer(clerk) == (200, nobody["user"]["id"], None)
    former = menjin.change_role("revoke", "clerk", clerk)
    eventually(lambda: answer(clerk) == (401, "token_expired", "refresh"), "the older token is refused")
    assert answer(former) == (403, "forbidden", "none")


def test_what_a_view_leaves_in_the_session_is_there_the_next_time_and_on_no_other_device(menjin, person):
    phone, tablet = (bearer(menjin.sign_in(person, device)["access_token"]) for device in ("phone", "tablet"))
    post = {"content_type": "application/json"}
    assert Client().post("/cart", {"cart": ["a"]}, **post, **phone).json() == {"cart": ["a"]}
    assert Client().post("/cart", {"cart": ["b"], "seen": 1}, **post, **tablet).json() == {"cart": ["b"], "seen": 1}
    assert Client().get("/cart", **phone).json() == {"cart": ["a"]}
    assert Client().get("/whoami", **tablet).json()["data"] == {"cart": ["b"], "seen": 1}
    assert Client().delete("/cart", **tablet).json() == {}
    assert Client().get("/cart", **tablet).json() == {} and Client().get("/cart", **phone).json() == {"cart": ["a"]}


def test_what_belongs_to_the_person_is_there_on_all_devices(menjin, person):
    phone, tablet = (bearer(menjin.sign_in(person, device)["access_token"]) for device in ("phone", "tablet"))
    assert Client().get("/size?shoe=44", **phone).json() == {"shoe": "44"}
    assert Client().get("/size", **tablet).json() == {"shoe": "44"} and Client().get("/cart", **phone).json() == {}


def test_parallel_requests_of_one_session_lose_no_key(menjin, person):
    headers = bearer(menjin.sign_in(person)["access_token"])
    with override_settings(MENJIN=menjin.settings(PAYLOAD_TO_USER=by_name_alone)), ThreadPoolExecutor(8) as threads:
        post = {"content_type": "application/json", **headers}
        answers = threads.map(lambda at: Client().post("/cart", {f"a{at}": at, f"b{at}": at}, **post), range(24))
        assert {answer.status_code for answer in answers} == {200}
        everything = {f"{name}{at}": at for at in range(24) for name in "ab"}
        assert Client().get("/cart", **headers).json() == everything


def test_what_a_failed_view_left_behind_is_not_kept(menjin, person):
    headers = bearer(menjin.sign_in(person)["access_token"])
    assert Client().get("/failing", **headers).status_code == 500
    assert Client().get("/cart", **headers).json() == {}


def test_an_async_view_has_the_same(menjin, person):
    tokens = menjin.sign_in(person)
    headers = {"AUTHORIZATION": f"Bearer {tokens['access_token']}"}

    @async_to_sync
    async def visits():
        client = AsyncClient()
        refused = await client.get("/async-cart")
        post = await client.post("/async-cart", {"cart": [1]}, content_type="application/json", headers=headers)
        again = await client.get("/async-cart", headers=headers)
        return refused, post, again

    refused, post, again = visits()
    assert (refused.status_code, refused.json()["code"]) == (401, "token_missing")
    assert post.json() == again.json() == {"user": tokens["user"]["id"], "cart": [1]}


def test_an_async_view_that_would_hold_up_the_others_is_told_what_to_write(menjin, person):
    headers = {"AUTHORIZATION": f"Bearer {menjin.sign_in(person)['access_token']}"}
    with pytest.raises(Exception, match="await request.ajwt_session"):
        async_to_sync(AsyncClient().get)("/async-careless", headers=headers)


def test_jwt_login_opens_a_session_and_the_token_brings_the_same_user_back(menjin):
    heard = []
    user_jwt_logged_in.connect(lambda user, **_: heard.append(user.username), weak=False, dispatch_uid="test")
    said = Client().post("/login", {"name": "Ms. 王"}, content_type="application/json").json()
    user_jwt_logged_in.disconnect(dispatch_uid="test")
    assert said["same"] and said["token"] == said["access_token"] and heard == ["Ms. 王"]
    there = Client().get("/whoami", **bearer(said["token"], "JWT")).json()
    assert there == {"user": "Ms. 王", "data": {"opened": True}, "anonymous": True}
    again = Client().post("/login", {"name": "Ms. 王"}, content_type="application/json").json()
    assert again["user"]["id"] == said["user"]["id"] and again["session_id"] != said["session_id"]
    assert get_user_model().objects.filter(username="Ms. 王").count() == 1


def test_a_name_that_somebody_has_taken_before_opens_nothing(menjin, person, caplog):
    tokens = menjin.sign_in(person)
    squatter = get_user_model().objects.create_user(tokens["user"]["id"], password="correct horse")
    assert Client().get("/cart", **bearer(tokens["access_token"])).json()["code"] == "user_disabled"
    assert "USER_FIELD" in caplog.text
    said = Client().post("/login", {"name": squatter.username}, content_type="application/json").json()
    assert said["user"]["id"] != tokens["user"]["id"]
    assert Client().get("/whoami", **bearer(said["token"])).json()["user"] == squatter.username


def test_a_field_of_its_own_links_who_logs_in_here_and_who_comes_by_a_mini_program(menjin, person):
    # Any field that people can't choose; a program would have one named for it.
    with override_settings(MENJIN=menjin.settings(USER_FIELD="last_name")):
        said = Client().post("/login", {"name": f"clerk {person}"}, content_type="application/json").json()
        clerk = get_user_model().objects.get(username=f"clerk {person}")
        assert clerk.last_name == said["user"]["id"]
        assert Client().get("/whoami", **bearer(said["token"])).json()["user"] == clerk.username
        again = Client().post("/login", {"name": clerk.username}, content_type="application/json").json()
        assert again["user"]["id"] == said["user"]["id"]
        tokens = menjin.sign_in(person)
        name = Client().get("/whoami", **bearer(tokens["access_token"])).json()["user"]
        get_user_model().objects.get(username=name, last_name=tokens["user"]["id"])
        here = Client().post("/login", {"name": name}, content_type="application/json").json()
        assert here["user"]["id"] == tokens["user"]["id"]


def test_in_a_namespace_the_names_of_another_program_are_nobody_here(menjin, person):
    with override_settings(MENJIN=menjin.settings(NAMESPACE="crm")):
        ours = Client().post("/login", {"name": f"clerk {person}"}, content_type="application/json").json()
        assert ours["same"] and Client().get("/whoami", **bearer(ours["token"])).json()["user"] == f"clerk {person}"
    with override_settings(MENJIN=menjin.settings(NAMESPACE="erp")):
        assert Client().get("/cart", **bearer(ours["token"])).json()["code"] == "user_disabled"
        theirs = Client().post("/login", {"name": f"clerk {person}"}, content_type="application/json").json()
    assert theirs["user"]["id"] != ours["user"]["id"]


def test_a_program_may_say_itself_who_its_users_are(menjin, person):
    def payload_to_user(claims):
        return SimpleNamespace(username=f"number {claims['number']}")

    tokens = menjin.sign_in(person)
    with override_settings(MENJIN=menjin.settings(PAYLOAD_TO_USER=payload_to_user)):
        said = Client().get("/whoami", **bearer(tokens["access_token"])).json()
    assert said["user"] == f"number {tokens['user']['number']}"


def test_by_primary_key_users_are_found_and_never_made(menjin, person):
    tokens = menjin.sign_in(person)
    number = tokens["user"]["number"]
    model = get_user_model()
    model.objects.filter(pk=number).delete()
    with override_settings(MENJIN=menjin.settings(USER_CLAIM="number", USER_FIELD="pk")):
        answer = Client().get("/cart", **bearer(tokens["access_token"]))
        assert (answer.status_code, answer.json()["code"]) == (401, "user_disabled")
        model.objects.create(pk=number, username=f"imported {number}")
        said = Client().get("/whoami", **bearer(tokens["access_token"])).json()
        assert said["user"] == f"imported {number}"
        token = Client().post("/login", {"name": said["user"]}, content_type="application/json").json()
        assert token["user"]["id"] == tokens["user"]["id"]


def test_an_old_token_names_a_user_who_is_here_and_makes_nobody(menjin, person):
    user = get_user_model().objects.create_user(f"old {person}")
    with override_settings(MENJIN=menjin.settings(USER_FIELD="username", LEGACY=[OLD])):
        tokens = [
            jwt.encode({"user_id": name, "exp": 4e9}, OLD["secret"], algorithm="HS256")
            for name in (user.username, f"nobody {person}")
        ]
        said = [Client().get("/whoami", **bearer(token, "JWT")).json() for token in tokens]
    assert [one["user"] for one in said] == [user.username, None] and said[0]["data"] == {}
    assert not get_user_model().objects.filter(username=f"nobody {person}").exists()


def test_a_user_who_is_inactive_here_does_not_come_in(menjin, person):
    tokens = menjin.sign_in(person)
    get_user_model().objects.create(username=tokens["user"]["id"], is_active=False)
    assert Client().get("/whoami", **bearer(tokens["access_token"])).json()["user"] is None
    assert Client().get("/cart", **bearer(tokens["access_token"])).json()["code"] == "user_disabled"
    assert Client().get("/rest", **bearer(tokens["access_token"])).json()["code"] == "user_disabled"


def test_while_menjin_was_never_reached_it_is_503(menjin, person):
    token = menjin.sign_in(person)["access_token"]
    away = {"ISSUER": menjin.url, "URL": "http://127.0.0.1:9", "AUDIENCE": "shop", "FEED": False}
    with override_settings(MENJIN=away):
        answer = Client().get("/cart", **bearer(token))
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "keys_unavailable", "2")
        assert Client().get("/rest", **bearer(token)).status_code == 503


def test_rest_framework_takes_the_token_and_the_session(menjin, person):
    tokens = menjin.sign_in(person)
    said = Client().get("/rest", **bearer(tokens["access_token"])).json()
    assert said == {"user": tokens["user"]["id"], "session": tokens["session_id"]}
    post = Client().post("/rest-cart", {"a": 1}, content_type="application/json", **bearer(tokens["access_token"]))
    assert post.json() == {"a": 1}
    assert Client().get("/cart", **bearer(tokens["access_token"])).json() == {"a": 1}


def test_rest_framework_asks_the_other_classes_when_there_is_no_token():
    get_user_model().objects.create_user("clerk", password="correct horse")
    basic = base64.b64encode(b"clerk:correct horse").decode()
    assert Client().get("/rest", HTTP_AUTHORIZATION=f"Basic {basic}").json() == {"user": "clerk", "session": None}
    answer = Client().get("/rest")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="menjin"')


def test_rest_framework_lets_nobody_pass_for_a_role_whom_another_class_has_let_in():
    get_user_model().objects.create_superuser("admin", password="correct horse")
    basic = base64.b64encode(b"admin:correct horse").decode()
    answer = Client().get("/rest-clerk", HTTP_AUTHORIZATION=f"Basic {basic}", HTTP_ACCEPT_LANGUAGE="zh")
    said = {"detail": "没有执行此操作的权限。", "code": "forbidden", "action": "none"}
    assert (answer.status_code, answer.json()) == (403, said)


def test_rest_framework_says_why_a_bad_token_is_refused():
    answer = Client().get("/rest", **bearer("nonsense"), HTTP_ACCEPT_LANGUAGE="zh")
    assert (answer.status_code, answer.json()) == (
        401,
        {"detail": "令牌无效，请重新登录。", "code": "token_invalid", "action": "relogin"},
    )
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_rest_framework_does_without_the_middleware(menjin, person):
    tokens = menjin.sign_in(person)
    with override_settings(MIDDLEWARE=[]):
        assert Client().get("/rest", **bearer(tokens["access_token"])).json()["user"] == tokens["user"]["id"]


def test_login_required_without_the_middleware_says_what_is_missing():
    with pytest.raises(ImproperlyConfigured, match="MenjinMiddleware"):
        login_required(lambda request: None)(RequestFactory().get("/"))


def messages(**settings):
    with override_settings(**settings):
        return [(found.id, found.msg, found.hint) for found in run_checks() if found.id.startswith("menjin.")]


OLD = {"name": "old", "secret": "x" * 32, "user_claim": "user_id", "until": "2099-01-01"}
GOOD = {"ISSUER": "https://login.example.com", "AUDIENCE": "shop", "APP": "shop-api", "SECRET": "s"}


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        ({}, "'ISSUER'] is missing", "public_url"),
        ({**GOOD, "ISSUER": "https://login.example.com/"}, "'ISSUER'] is 'https", "without a slash"),
        ({**GOOD, "ISSUER": "login.example.com"}, "'ISSUER'] is 'login", "https://login.example.com"),
        ({**GOOD, "AUDIANCE": "x"}, "'AUDIANCE'] is no key", "did you mean 'AUDIENCE'?"),
        ({**GOOD, "LEEWAY": "30"}, "'LEEWAY'] is str", "30 seconds"),
        ({**GOOD, "LEEWAY": 300}, "'LEEWAY'] is out of bounds", "60"),
        ({**GOOD, "SECRET": ""}, "'SECRET'] is missing", "client_secret"),
        ({**GOOD, "SECRET": None}, "'SECRET'] is NoneType", "client_secret"),
        ({"ISSUER": GOOD["ISSUER"], "AUDIENCE": "shop"}, "'APP'] is missing", "'FEED': False"),
        ({**GOOD, "SECRET": "", "SECRET_FILE": "/none/there"}, "'SECRET_FILE'] can't be read", "may read"),
        ({**GOOD, "PAYLOAD_TO_USER": "shop.auth.nobody"}, "'PAYLOAD_TO_USER'] can't be imported", "dotted path"),
        ({**GOOD, "LEGACY": [{"name": "old"}]}, "'LEGACY[0]'] is wrong", "user_claim"),
        ({**GOOD, "LEGACY": [OLD]}, "'LEGACY'] does not say which of your users", "USER_FIELD"),
        ({**GOOD, "REPLACES": "json"}, "'REPLACES'] json is installed", "uninstall json"),
        ([], "'MENJIN'] is no dict", "ISSUER"),
    ],
)
def test_a_wrong_setting_is_found_by_djangos_checks_with_its_remedy(values, said, hint):
    found = messages(MENJIN=values)
    assert any(said in message and hint in remedy for _, message, remedy in found), found


def test_good_settings_pass_and_a_missing_middleware_is_a_warning():
    assert messages(MENJIN=GOOD) == []
    assert messages(MENJIN={"ISSUER": GOOD["ISSUER"], "AUDIENCE": "shop", "FEED": False}) == []
    assert [found[0] for found in messages(MENJIN=GOOD, MIDDLEWARE=[])] == ["menjin.W001"]


def test_wrong_settings_are_refused_when_they_are_used(person):
    with override_settings(MENJIN={"ISSUER": "x"}), pytest.raises(ImproperlyConfigured, match="AUDIENCE"):
        Client().get("/whoami")
