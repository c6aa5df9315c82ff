"""Ends that reach a running verifier, and what holds while menjin is away."""

from __future__ import annotations

import time

import jwt
import pytest
import urllib3
from stand import SECRET, eventually

from menjin import Backend, ProblemAnswer, Refused, Unavailable, Verifier
from menjin.backend import Answer
from menjin.ended import Ended
from menjin.feed import Feed, messages


def code(verifier, token):
    try:
        verifier.check(token)
    except Refused as refusal:
        return refusal.code
    return None


def test_a_sign_out_is_heard_of_and_other_sessions_stay(menjin, verifier, person):
    phone, tablet = menjin.sign_in(person, "phone"), menjin.sign_in(person, "tablet")
    assert verifier.check(phone["access_token"]) and verifier.check(tablet["access_token"])
    menjin.logout(phone)
    eventually(lambda: code(verifier, phone["access_token"]) == "session_ended", "the phone is refused")
    assert verifier.check(tablet["access_token"])


def test_a_ban_is_heard_of_with_its_reason_in_all_sessions(menjin, verifier, person):
    sessions = [menjin.sign_in(person, device)["access_token"] for device in ("phone", "tablet", "pc")]
    other = menjin.sign_in(f"friend of {person}")["access_token"]
    assert all(verifier.check(token) for token in [*sessions, other])
    menjin.ban(menjin.sign_in(person))
    for token in sessions:
        eventually(lambda token=token: code(verifier, token) == "user_disabled", "the session is refused")
    assert verifier.check(other)


def test_a_replaced_session_says_so(menjin, verifier, person):
    before = menjin.sign_in(person, "phone")["access_token"]
    assert verifier.check(before)
    menjin.sign_in(person, "phone")
    eventually(lambda: code(verifier, before) == "session_replaced", "the former session is refused")


def test_what_had_ended_before_the_first_read_is_known_with_it(menjin, backend, person):
    tokens = menjin.sign_in(person)
    menjin.logout(tokens)
    told = lambda: backend.ask("GET", "/v1/revocations").text  # noqa: E731
    eventually(lambda: tokens["session_id"] in told(), "menjin tells it")
    verifier = Verifier(menjin.url, "shop", feed=backend)
    assert code(verifier, tokens["access_token"]) == "session_ended"
    verifier.feed.close()


def test_nobody_gets_in_before_the_first_read(menjin, person, monkeypatch):
    monkeypatch.setattr("menjin.feed._FIRST_READ", 0.1)
    tokens = menjin.sign_in(person)
    nowhere = Backend("http://127.0.0.1:9", "shop-api", SECRET)
    verifier = Verifier(menjin.url, "shop", feed=nowhere)
    assert code(verifier, tokens["access_token"]) == "revocations_stale"
    verifier.feed.close()


def test_while_menjin_is_away_tokens_go_on_verifying_then_it_is_503_and_it_recovers(own_menjin, person):
    menjin = own_menjin()
    tokens = menjin.sign_in(person)
    verifier = Verifier(menjin.url, "shop", feed=Backend(menjin.url, "shop-api", SECRET), revocation_max_lag=6)
    assert verifier.check(tokens["access_token"])
    verifier.feed._ask()  # Just read, so that the stop itself may take its time.
    menjin.stop()
    assert verifier.check(tokens["access_token"])
    eventually(lambda: code(verifier, tokens["access_token"]) == "revocations_stale", "the feed is too old")
    menjin.start()
    eventually(lambda: code(verifier, tokens["access_token"]) is None, "the feed is read again")
    menjin.logout(tokens)
    eventually(lambda: code(verifier, tokens["access_token"]) == "session_ended", "and heard again")
    verifier.feed.close()


def test_where_no_thread_runs_requests_read_the_feed_themselves(menjin, backend, person):
    verifier = Verifier(menjin.url, "shop", feed=backend)
    verifier.feed._thread = object()  # One that gets no time.
    tokens = menjin.sign_in(person)
    assert verifier.check(tokens["access_token"])
    menjin.logout(tokens)

    def is_refused_after_a_silence():
        verifier.feed._read_at -= 13
        verifier.feed._asked_at -= 13
        return code(verifier, tokens["access_token"]) == "session_ended"

    eventually(is_refused_after_a_silence, "a request brings it")


@pytest.mark.parametrize("status", [404, 502, 503])
def test_where_no_stream_is_to_be_had_the_feed_is_asked(menjin, backend, person, monkeypatch, status):
    class Held:
        closed = False

        def close(self):
            Held.closed = True

    Held.status = status
    monkeypatch.setattr(backend, "stream", lambda *_: Held())
    verifier = Verifier(menjin.url, "shop", feed=backend)
    tokens = menjin.sign_in(person)
    assert verifier.check(tokens["access_token"])
    menjin.logout(tokens)
    eventually(lambda: code(verifier, tokens["access_token"]) == "session_ended", "asking brings it too")
    assert Held.closed
    verifier.feed.close()


def test_an_app_without_the_scope_is_told_what_it_lacks(menjin, caplog):
    lacking = Backend(menjin.url, "no-scopes", SECRET)
    with pytest.raises(ProblemAnswer, match="scopes.*\\[\\[app\\]\\]"):
        lacking.ask("GET", "/v1/revocations")
    with pytest.raises(ProblemAnswer, match="client_secret"):
        Backend(menjin.url, "shop-api", "wrong").ask("GET", "/v1/revocations")
    verifier = Verifier(menjin.url, "shop", feed=lacking)
    assert not verifier.feed.is_fresh()
    eventually(lambda: "lacks a scope" in caplog.text, "the log says it")
    verifier.feed.close()


def test_a_refusal_that_only_a_person_can_mend_is_not_asked_for_each_moment(menjin):
    class Counting(Backend):
        asked = 0

        def ask(self, *what, **more):
            self.asked += 1
            return super().ask(*what, **more)

    lacking = Counting(menjin.url, "no-scopes", SECRET)
    feed = Feed(lacking)
    for _ in range(50):
        assert not feed.is_fresh()
        feed._asked_at -= 13
    assert lacking.asked == 1
    feed._refused_until = float("-inf")
    assert not feed.is_fresh() and lacking.asked == 2, "then it is asked again"
    feed.close()


class Spoken:
    """A stream of one page, and then of silence or of something else."""

    status = 200

    def __init__(self, chunks, end):
        self.chunks, self.end = chunks, end

    def stream(self, _):
        yield from self.chunks
        raise self.end

    def close(self):
        pass


def test_where_a_stream_falls_silent_the_feed_is_asked(menjin, backend, person, monkeypatch):
    page = backend.ask("GET", "/v1/revocations").text.encode()
    silence = urllib3.exceptions.ReadTimeoutError(None, "", "silence")
    streams = []

    def stream(*_):
        streams.append(Spoken([b"event: revocations\ndata: " + page + b"\n\n"], silence))
        return streams[-1]

    monkeypatch.setattr(backend, "stream", stream)
    verifier = Verifier(menjin.url, "shop", feed=backend)
    tokens = menjin.sign_in(person)
    assert verifier.check(tokens["access_token"])
    menjin.logout(tokens)
    eventually(lambda: code(verifier, tokens["access_token"]) == "session_ended", "asking brings it")
    assert len(streams) == 1
    verifier.feed.close()


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 65_530, b"data: " + b"x" * 65_529 + b"\n"])
def test_an_event_without_end_is_not_kept_without_end(chunk):
    given = 0

    def chunks():
        nonlocal given
        while given < 1000:
            given += 1
            yield chunk

    with pytest.raises(Unavailable, match="too large"):
        list(messages(Spoken(chunks(), AssertionError("all of it was read"))))
    assert given < 100


def test_what_answers_in_the_place_of_menjin_lets_nobody_in_and_breaks_nothing(menjin, backend, monkeypatch):
    for body in (None, [], {}, {"events": 7}, {"events": [{"kind": "session_ended"}], "next": "", "read_at": ""}):
        monkeypatch.setattr(backend, "ask", lambda *_, body=body, **__: Answer(200, None, body, ""))
        feed = Feed(backend)
        feed._thread = object()  # One that gets no time.
        assert not feed.is_fresh()


def test_a_clock_that_leaps_ahead_and_back_brings_back_nothing_that_has_ended(menjin, backend, person, monkeypatch):
    tokens = menjin.sign_in(person)
    menjin.logout(tokens)
    told = lambda: backend.ask("GET", "/v1/revocations").text  # noqa: E731
    eventually(lambda: tokens["session_id"] in told(), "menjin tells it")
    feed = Feed(backend)
    real = time.time
    monkeypatch.setattr("menjin.feed.time.time", lambda: real() + 86_400)
    feed._ask()
    assert feed.ended.refusal_for(None, tokens["session_id"], None, real()) == "session_ended"


def test_a_machine_that_slept_knows_that_it_did_not_read(menjin, backend, monkeypatch):
    feed = Feed(backend)
    feed._thread = object()  # One that gets no time.
    assert feed.is_fresh()
    real = time.time
    monkeypatch.setattr("menjin.feed.time.time", lambda: real() + 60)
    monkeypatch.setattr(feed, "_read_by_request", lambda: None)
    assert not feed.is_fresh()


def ended(**event):
    moment = {"at": "2026-11-21T12:00:00.500Z", "until": "2026-11-21T12:15:00.000Z"}
    known = Ended()
    known.take({**moment, **event})
    return known


CUT = 1795262400.5


def session_of(moment: float) -> str:
    digits, value = "", int(moment * 1000) << 80
    for _ in range(26):
        digits, value = "0123456789abcdefghjkmnpqrstvwxyz"[value & 31] + digits, value >> 5
    return f"ses_{digits}"


def test_a_cut_refuses_what_was_issued_before_and_not_a_sign_in_after_it():
    known = ended(kind="user_not_before", user="usr_1", reason="user_disabled")
    assert known.refusal_for("usr_1", session_of(CUT - 9), "shop", CUT - 9) == "user_disabled"
    assert known.refusal_for("usr_1", session_of(CUT - 9), "shop", int(CUT)) == "user_disabled"
    assert known.refusal_for("usr_1", session_of(CUT + 0.1), "shop", int(CUT)) is None
    assert known.refusal_for("usr_1", session_of(CUT - 9), "shop", int(CUT) + 1) is None
    assert known.refusal_for("usr_2", session_of(CUT - 9), "shop", CUT - 9) is None
    of_app = ended(kind="app_not_before", app="shop", reason="session_ended")
    assert of_app.refusal_for("usr_1", session_of(CUT - 9), "shop", CUT - 9) == "session_ended"
    assert of_app.refusal_for("usr_1", session_of(CUT - 9), "office", CUT - 9) is None


def test_of_a_sessions_end_and_a_later_cut_of_its_user_the_later_says_why():
    session = session_of(CUT - 9)
    known = ended(kind="session_ended", session=session, reason="user_disabled")
    moment = {"at": "2026-11-21T12:00:00.500Z", "until": "2026-11-21T12:16:00.000Z"}
    known.take({"kind": "user_not_before", "user": "usr_1", "reason": "user_disabled", **moment})
    assert known.refusal_for("usr_1", session, "shop", CUT - 9) == "user_disabled"
    moment["at"] = "2026-11-21T12:00:01.500Z"
    known.take({"kind": "user_not_before", "user": "usr_1", "reason": "session_kicked", **moment})
    assert known.refusal_for("usr_1", session, "shop", CUT - 9) == "session_kicked", "a lifted ban"
    assert known.refusal_for("usr_1", session_of(CUT + 1), "shop", CUT + 1) is None


def test_an_event_counts_once_and_is_forgotten_when_its_last_token_has_expired():
    known = ended(kind="session_ended", session="ses_1", reason="something new")
    known.take({"kind": "not known yet", "at": 7})
    assert len(known) == 1 and known.refusal_for(None, "ses_1", None, time.time()) == "session_ended"
    known.forget_before(CUT + 15 * 60)
    assert len(known) == 1
    known.forget_before(CUT + 16 * 60)
    assert len(known) == 0


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_a_change_of_roles_asks_for_a_refresh_and_signs_nobody_out(menjin, verifier, person):
    alice, bob = menjin.sign_in(person), menjin.sign_in(f"friend of {person}")
    assert verifier.check(alice["access_token"]) and verifier.check(bob["access_token"])
    role = f"clerk-of-{person}"
    menjin.command("role", "set", role, "--permission", "orders:*")
    for act, has in (("grant", True), ("revoke", False), ("grant", True)):
        menjin.command("role", act, role, alice["user"]["id"], "--audience", "shop")
        token = alice["access_token"]
        eventually(lambda token=token: code(verifier, token) == "token_expired", "the older token is refused")
        alice = menjin.refresh(alice)
        caller = verifier.check(alice["access_token"])
        assert (role in caller.roles, caller.permissions) == (has, ["orders:*"] if has else [])
    menjin.command("role", "set", role, "--permission", "stock:read")
    eventually(lambda: code(verifier, alice["access_token"]) == "token_expired", "the role became another one")
    verifier.check(menjin.refresh(alice)["access_token"]).require("stock:read")
    assert verifier.check(bob["access_token"]), "nobody else is asked for anything"


def with_many_permissions(menjin, person):
    """Signed in, with more permissions than a token has room for; and these."""
    alice, role = menjin.sign_in(person), f"boss-of-{person}"
    many = [f"orders:a-rather-long-name-of-a-thing-{nth}:write" for nth in range(100)]
    menjin.command("role", "set", role, *(word for name in many for word in ("--permission", name)))
    menjin.command("role", "grant", role, alice["user"]["id"])
    return menjin.refresh(alice), role, many


def test_what_a_token_has_not_room_for_is_asked_with_it(menjin, verifier, person, monkeypatch):
    alice, role, many = with_many_permissions(menjin, person)
    token = alice["access_token"]
    assert (claims_of(token)["more_roles"], claims_of(token)["roles"]) == (True, [role])
    caller = verifier.check(token)
    assert sorted(caller.permissions) == sorted(many)
    monkeypatch.setattr("menjin.more_roles.MoreRoles._ask", lambda *_: pytest.fail("it is remembered"))
    assert verifier.check(token).permissions == caller.permissions


def test_what_is_known_here_is_told_without_asking_for_roles(menjin, backend, person, monkeypatch):
    def is_down(*_):
        raise urllib3.exceptions.HTTPError("menjin is down")

    monkeypatch.setattr("menjin.more_roles.MoreRoles._ask", is_down)
    alice, _, _ = with_many_permissions(menjin, person)
    token = alice["access_token"]
    later = [0.0]
    verifier = Verifier(menjin.url, "shop", feed=backend, clock=lambda: time.time() + later[0])
    assert code(verifier, token) == "store_unavailable"
    menjin.logout(alice)
    eventually(lambda: code(verifier, token) == "session_ended", "the feed says so")
    later[0] = 3600.0
    assert code(verifier, token) == "token_expired"
    verifier.feed.close()


def test_what_changed_late_or_unreadably_is_never_taken_for_less():
    ended = Ended()
    change = {"kind": "roles_of_user", "user": "usr_1", "until": "2026-11-22T12:00:00.000Z"}
    outdated = lambda version: ended.outdates("usr_1", ["a"], version)  # noqa: E731
    assert not outdated(None)
    for version in (7, 5):
        ended.take({**change, "version": version})
    assert [outdated(version) for version in (None, 6, 7, 8, "9", True)] == [True, True, False, False, True, True]
    ended.take({"kind": "role_changed", "name": "a", "version": 9, "until": change["until"]})
    assert outdated(8) and not outdated(9) and not ended.outdates("usr_2", ["b"], None) and len(ended) == 2
    ended.take({**change, "version": "ten"})
    assert outdated(10**15)
    ended.forget_before(4e9)
    assert len(ended) == 0 and not outdated(None)
