"""The map beside a session: whose it is, and what becomes of changes that meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from stand import SECRET, eventually

from menjin import Backend, ProblemAnswer, Refused, SessionData


@pytest.fixture
def token(menjin, person):
    return menjin.sign_in(person)["access_token"]


def saved(backend, token, **values):
    data = SessionData(backend, token)
    data.update(values)
    data.save()
    return dict(SessionData(backend, token))


def test_it_is_a_dict_that_lasts(backend, token):
    assert dict(SessionData(backend, token)) == {}
    assert saved(backend, token, cart=[1, 2], note="你好") == {"cart": [1, 2], "note": "你好"}
    data = SessionData(backend, token)
    assert (data["cart"], data.get("none"), "note" in data, len(data), bool(data)) == ([1, 2], None, True, 2, True)
    del data["note"]
    with pytest.raises(KeyError):
        data["note"]
    with pytest.raises(KeyError):
        del data["none"]
    assert list(data) == ["cart"]
    data.save()
    assert dict(SessionData(backend, token)) == {"cart": [1, 2]}


def test_a_list_that_was_changed_in_place_is_saved(backend, token):
    saved(backend, token, cart=[1])
    data = SessionData(backend, token)
    data["cart"].append(2)
    assert data.modified
    data.save()
    assert SessionData(backend, token)["cart"] == [1, 2] and not data.modified


def test_what_is_not_changed_goes_back_as_it_came(backend, token):
    headers = {"Menjin-Subject-Token": token}
    odd = '{"data": {"b": 1.10, "big": 12345678901234567890123, "text": "\\u4f60\\n", "deep": {"z": [ ], "a": 1e2}}}'
    backend.ask("PUT", "/v1/session/data", odd, headers=headers)
    data = SessionData(backend, token)
    assert data["text"] == "你\n" and data["deep"] == {"z": [], "a": 100.0}
    data.update(x=1, y=2)
    data.save()
    after = backend.ask("GET", "/v1/session/data", headers=headers).text
    for part in ('"b":1.10', '"big":12345678901234567890123', '"text":"\\u4f60\\n"', '"x":1', '"a":1e2'):
        assert part in after, after


def test_nothing_is_asked_until_it_is_needed_and_nothing_is_written_unchanged(backend, token, monkeypatch):
    saved(backend, token, a=1, b=2)
    asked = []
    ask = Backend.ask
    monkeypatch.setattr(Backend, "ask", lambda self, *a, **k: asked.append(a[0]) or ask(self, *a, **k))
    data = SessionData(backend, token)
    data.save()
    assert asked == []
    assert data["a"] == 1 and data["b"] == 2
    data["a"] = 1
    data.save()
    assert asked == ["GET"]
    blind = SessionData(backend, token)
    blind["c"] = 3
    blind.save()
    assert asked == ["GET", "PUT"]


def test_what_others_wrote_meanwhile_stays(backend, token):
    saved(backend, token, mine=0, theirs=0, gone=0)
    one, other = SessionData(backend, token), SessionData(backend, token)
    assert one["mine"] == other["theirs"] == 0
    one.update(mine=1, new=1)
    other.update(theirs=2, also=2)
    del other["gone"]
    one.save()
    other.save()
    assert dict(SessionData(backend, token)) == {"mine": 1, "new": 1, "theirs": 2, "also": 2}


def test_parallel_writers_lose_no_key(backend, token):
    def write(at):
        data = SessionData(backend, token)
        len(data)
        data.update({f"a{at}": at, f"b{at}": at})
        data.save()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(24)))
    assert dict(SessionData(backend, token)) == {f"{name}{at}": at for at in range(24) for name in "ab"}


def test_changes_of_one_value_add_up(backend, token):
    def add(_):
        return SessionData(backend, token).change("count", lambda count: count + 1, default=0)

    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(add, range(24)))
    assert sorted(given) == list(range(1, 25)) and SessionData(backend, token)["count"] == 24


def test_flush_deletes_all_and_what_is_set_after_it_stays(backend, token):
    saved(backend, token, a=1, b=2)
    data = SessionData(backend, token)
    data["c"] = 3
    data.flush()
    assert dict(data) == {}
    data["d"] = 4
    data.save()
    assert dict(SessionData(backend, token)) == {"d": 4}
    data.flush()
    data.save()
    assert dict(SessionData(backend, token)) == {}


def test_a_value_with_a_time_to_live_says_so(backend, token):
    data = SessionData(backend, token)
    data.set("code", "1234", ttl=600)
    data["stays"] = True
    data.save()
    answer = backend.ask("GET", "/v1/session/data", headers={"Menjin-Subject-Token": token}).body
    assert answer["data"] == {"code": "1234", "stays": True} and list(answer["expires_at"]) == ["code"]


def test_two_devices_have_data_of_their_own_and_a_person_has_one(menjin, backend, person):
    phone, tablet = (menjin.sign_in(person, device)["access_token"] for device in ("phone", "tablet"))
    saved(backend, phone, cart=["a"])
    assert saved(backend, tablet, cart=["b"]) == {"cart": ["b"]}
    assert dict(SessionData(backend, phone)) == {"cart": ["a"]}
    of_person = SessionData(backend, phone, scope="user")
    of_person["size"] = "XL"
    of_person.save()
    assert dict(SessionData(backend, tablet, scope="user")) == {"size": "XL"}
    assert dict(SessionData(backend, phone)) == {"cart": ["a"]}


@pytest.mark.parametrize("key", ["", ".", "..", "../x", "a/b", "a b", "你", "x" * 65, "%2e%2e", 7, None])
def test_an_odd_key_is_refused_where_it_is_set(backend, token, key):
    data = SessionData(backend, token)
    with pytest.raises(ValueError, match="key"):
        data[key] = 1


def test_what_is_no_json_is_refused_where_it_is_set(backend, token):
    data = SessionData(backend, token)
    for value in (object(), {1, 2}, float("nan")):
        with pytest.raises((TypeError, ValueError)):
            data["a"] = value


def test_too_much_is_said_to_be_too_much(backend, token):
    data = SessionData(backend, token)
    data["a"] = "x" * 3000
    with pytest.raises(ProblemAnswer) as caught:
        data.save()
    assert (caught.value.status, caught.value.code) == (413, "session_data_full")


def test_an_ended_session_has_no_data_and_the_reason_is_told(menjin, backend, person):
    tokens = menjin.sign_in(person)
    saved(backend, tokens["access_token"], a=1)
    menjin.logout(tokens)

    def code():
        try:
            return len(SessionData(backend, tokens["access_token"])) and None
        except Refused as refusal:
            return refusal.code

    eventually(lambda: code() == "session_ended", "the data is refused")


def test_while_menjin_is_away_it_is_503(token):
    nowhere = SessionData(Backend("http://127.0.0.1:9", "shop-api", SECRET), token)
    with pytest.raises(Refused) as caught:
        nowhere["a"]
    assert (caught.value.code, caught.value.status) == ("store_unavailable", 503)


def test_without_a_token_it_is_empty_and_keeps_nothing(backend, caplog):
    data = SessionData(backend, None)
    assert dict(data) == {} and data.get("a") is None
    data["a"] = 1
    assert data["a"] == 1
    data.save()
    assert "not kept" in caplog.text


def test_a_session_is_opened_for_somebody_of_this_programs_own(backend, verifier, person):
    opened = backend.open_session(
        app="shop", external_id=person, claims={"level": 3}, device={"id": "pc", "class": "pc"}
    )
    assert opened.is_new_user and opened.refresh_token.startswith("mjr_")
    caller = verifier.check(opened.access_token)
    assert (caller.session, caller.user, caller.claims["level"]) == (opened.session_id, opened.user["id"], 3)
    again = backend.open_session(app="shop", external_id=person)
    assert not again.is_new_user and again.user["id"] == opened.user["id"] and again.session_id != opened.session_id
    assert saved(backend, opened.access_token, a=1) == {"a": 1} and dict(SessionData(backend, again.access_token)) == {}
    with pytest.raises(ValueError, match="exactly one"):
        backend.open_session(app="shop")
    with pytest.raises(ProblemAnswer) as caught:
        backend.open_session(app="shop", user="usr_01m7z2628t5r27wp7zz0n3na6z")
    assert (caught.value.status, caught.value.code) == (404, "user_unknown")


def test_for_somebody_who_is_banned_no_session_is_opened(menjin, backend, person):
    backend.open_session(app="shop", external_id=person)
    menjin.command("user", "disable", "--external-id", person)
    with pytest.raises(Refused) as caught:
        backend.open_session(app="shop", external_id=person)
    assert (caught.value.code, caught.value.status) == ("user_disabled", 401)
    with pytest.raises(Refused) as caught:
        Backend("http://127.0.0.1:9", "shop-api", SECRET).open_session(app="shop", external_id=person)
    assert caught.value.code == "store_unavailable"
