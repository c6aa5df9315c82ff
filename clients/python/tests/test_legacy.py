"""Tokens of an old system: taken until a date, by the entry's key and algorithm."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import jwt
import pytest

from menjin import ConfigurationError, Legacy, Refused, Verifier

SECRET = "the old system's secret, long enough for each of the algorithms that it may have"
UNTIL = datetime(2027, 1, 31, tzinfo=timezone.utc)


def verifier(now=None, **wanted):
    entry = Legacy(**{"name": "old", "secret": SECRET, "user_claim": "user_id", "until": UNTIL, **wanted})
    clock = time.time if now is None else lambda: now
    return Verifier("https://login.example.com", "shop", feed=False, legacy=[entry], clock=clock)


def old(secret=SECRET, alg="HS256", headers=None, **claims):
    whole = {"user_id": "7", "exp": UNTIL.timestamp() + 9999, **claims}
    whole = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(whole, secret, algorithm=alg, headers=headers)


def refused(verifier, token):
    with pytest.raises(Refused) as caught:
        verifier.check(token)
    return caught.value


def test_an_old_token_works_until_the_date_and_not_after():
    caller = verifier(now=UNTIL.timestamp() - 1).check(old())
    assert (caller.legacy, caller.user, caller.session) == ("old", None, None)
    assert caller.claims["external_id"] == "7" and caller.claims["user_id"] == "7"
    boss = verifier(now=UNTIL.timestamp() - 1).check(old(scope="all", roles=["clerk"], permissions=["*"]))
    assert (boss.scopes, boss.roles, boss.permissions) == ([], [], []), "menjin has given none of these"
    refusal = refused(verifier(now=UNTIL.timestamp()), old())
    assert (refusal.code, refusal.action) == ("token_invalid", "relogin")


def test_its_name_for_a_person_may_be_their_number():
    now = UNTIL.timestamp() - 1
    assert verifier(now=now, user="number").check(old()).claims["number"] == 7
    for name in ("seven", "-7", "\u00b2", "\u0663", "7 ", "9" * 30):
        assert refused(verifier(now=now, user="number"), old(user_id=name)).code == "token_invalid"


@pytest.mark.parametrize(
    "token",
    [
        old(secret="another secret that is long enough for each algorithm, and is not theirs"),
        old(alg="HS512"),
        old(alg="none", secret=None),
        old(headers={"typ": "at+jwt"}),
        old(exp=None),
        old(exp=1),
        old(user_id=None),
        old(user_id=True),
        old(exp=float("nan")),
        old(exp=float("inf")),
        old(exp=10**400),
        old(user_id=""),
    ],
)
def test_what_the_entry_does_not_allow_is_refused(token):
    assert refused(verifier(now=UNTIL.timestamp() - 1), token).code == "token_invalid"


@pytest.mark.parametrize(
    "claims",
    [
        {"token_type": "refresh"},
        {"token_type": ["access"]},
        {"token_use": "id"},
        {"type": "refresh"},
        {"typ": "ID"},
        {"typ": "Offline"},
    ],
)
def test_what_the_old_system_signed_for_something_else_is_refused(claims):
    assert refused(verifier(now=UNTIL.timestamp() - 1), old(**claims)).code == "token_invalid"


@pytest.mark.parametrize("claims", [{"token_type": "access"}, {"token_type": "sliding"}, {"typ": "Bearer", "type": "vip"}])
def test_each_systems_word_for_access_is_known(claims):
    assert verifier(now=UNTIL.timestamp() - 1).check(old(**claims)).legacy == "old"


def test_without_an_entry_no_shared_secret_opens_anything():
    bare = Verifier("https://login.example.com", "shop", feed=False, jwks_url="http://127.0.0.1:9/jwks.json")
    assert refused(bare, old()).code in ("token_invalid", "keys_unavailable")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"alg": "RS256"}, "alg"),
        ({"user": "openid"}, "user"),
        ({"until": "soon"}, "until"),
        ({"secret": ""}, "secret"),
        ({"secret": "-----BEGIN PUBLIC KEY-----"}, "secret is a public key"),
    ],
)
def test_a_wrong_entry_is_refused_by_its_name(wanted, said):
    with pytest.raises(ConfigurationError, match=f"legacy 'old': {said}"):
        verifier(**wanted)


def test_until_is_a_date_or_a_time_and_without_a_zone_it_is_utc():
    for until in ("2027-01-31", "2027-01-31T00:00:00Z", UNTIL.date(), UNTIL.replace(tzinfo=None)):
        assert verifier(until=until)._legacy[0].until == UNTIL
