"""Tokens: which are taken, which are refused, and what a refusal says."""

from __future__ import annotations

import base64
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from stand import Menjin, call, copied_keys, eventually

from menjin import Backend, ConfigurationError, Refused, Verifier
from menjin.strict import is_time, members

UNKNOWN = ec.generate_private_key(ec.SECP256R1())


def refused(verifier: Verifier, token: str) -> Refused:
    with pytest.raises(Refused) as caught:
        verifier.check(token)
    return caught.value


def offline(menjin: Menjin, **wanted: object) -> Verifier:
    return Verifier(wanted.pop("issuer", menjin.url), wanted.pop("audience", "shop"), feed=False, **wanted)


def test_a_token_of_menjin_names_its_person(menjin, verifier, person):
    tokens = menjin.sign_in(person)
    caller = verifier.check(tokens["access_token"])
    assert (caller.user, caller.session) == (tokens["user"]["id"], tokens["session_id"])
    assert caller.client_id == "shop" and caller.claims["number"] == tokens["user"]["number"]
    assert verifier.check_header(f"JWT {tokens['access_token']}").user == caller.user
    assert tokens["access_token"] not in repr(caller)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi", "Token abc"])
def test_without_a_token_of_ours_none_is_there(menjin, header):
    with pytest.raises(Refused) as caught:
        offline(menjin).check_header(header)
    assert (caught.value.code, caught.value.challenge) == ("token_missing", 'Bearer realm="menjin"')


def test_a_token_for_somebody_else_is_refused(menjin, person):
    token = menjin.sign_in(person)["access_token"]
    keys = f"{menjin.url}/.well-known/jwks.json"
    assert refused(offline(menjin, audience="office"), token).code == "token_invalid"
    assert refused(offline(menjin, issuer="https://login.example.com", jwks_url=keys), token).code == "token_invalid"


def signed_by_secret(secret, header, payload):
    """What JWT libraries refuse to make: a public key taken for a shared secret."""

    def text(octets):
        return base64.urlsafe_b64encode(octets).decode().rstrip("=")

    signed = f"{text(json.dumps(header).encode())}.{payload}"
    return f"{signed}.{text(hmac.digest(secret, signed.encode(), 'sha256'))}"


def part(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unsigned(alg):
    return part(json.dumps({"alg": alg, "kid": "x", "typ": "at+jwt"}))


def other_spelling(signature):
    """The same bytes to who is lenient: the last digit of 64 bytes has four bits that say nothing."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + digits[digits.index(signature[-1]) + 1]


def test_json_is_read_strictly():
    for text in (b'{"a":1,"a":1}', b'{"b":{"a":1,"a":2}}', b'{"a":NaN}', b"[]", b"{", b"[" * 100_000):
        with pytest.raises(ValueError):
            members(text)
    assert members(b'{"a":[{"a":1},{"a":2}]}') == {"a": [{"a": 1}, {"a": 2}]}
    times = (1, 1.5, True, "1", None, float("nan"), float("inf"), 10**400)
    assert [one for one in times if is_time(one)] == [1, 1.5]


def test_what_was_changed_or_forged_is_refused(menjin, person):
    token = menjin.sign_in(person)["access_token"]
    verifier = offline(menjin)
    header, payload, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    public = json.dumps(call(f"{menjin.url}/.well-known/jwks.json")["keys"][0]).encode()
    forged = [
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        "a.b.c",
        "x" * 9000,
        "\ud800.\ud800.\ud800",
        jwt.encode(claims, None, algorithm="none", headers={"kid": kid, "typ": "at+jwt"}),
        signed_by_secret(public, {"alg": "HS256", "kid": kid, "typ": "at+jwt"}, payload),
        jwt.encode(claims, UNKNOWN, algorithm="ES256", headers={"kid": kid, "typ": "at+jwt"}),
        jwt.encode(claims, UNKNOWN, algorithm="ES256", headers={"typ": "at+jwt"}),
        *(f"{unsigned(alg)}.{payload}.{signature}" for alg in ([], {}, 7, None)),
        f"{part('[' * 3000)}.{payload}.{signature}",
        # The right signature, in another spelling than the one that there is.
        *(f"{header}.{payload}.{signature}{more}" for more in ("!", "=", "==", "\n", " ", ".")),
        f"{header}.{payload}.{other_spelling(signature)}",
    ]
    assert [refused(verifier, one).code for one in forged] == ["token_invalid"] * len(forged)
    assert verifier.check(token).user  # The right one, after all of these.


def test_times_count_with_thirty_seconds_of_leeway_also_for_a_token_that_was_verified(menjin, person):
    token = menjin.sign_in(person)["access_token"]
    expires = jwt.decode(token, options={"verify_signature": False})["exp"]
    now = [time.time()]
    verifier = offline(menjin, clock=lambda: now[0])
    assert verifier.check(token)
    now[0] = expires + 29
    assert verifier.check(token)
    now[0] = expires + 30
    refusal = refused(verifier, token)
    assert (refusal.code, refusal.action, refusal.status) == ("token_expired", "refresh", 401)


def test_typ_jwt_is_taken_only_when_that_was_said(own_menjin, person):
    menjin = own_menjin(more='[audience.shop]\ntyp = "JWT"')
    token = menjin.sign_in(person)["access_token"]
    assert refused(offline(menjin), token).code == "token_invalid"
    assert offline(menjin, accept_jwt_typ=True).check(token).client_id == "shop"


def test_a_flood_of_unknown_keys_makes_one_fetch(menjin, person):
    token = menjin.sign_in(person)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    flood = [
        jwt.encode(claims, UNKNOWN, algorithm="ES256", headers={"kid": f"unknown{at}", "typ": "at+jwt"})
        for at in range(200)
    ]
    with copied_keys(menjin) as (url, asked):
        verifier = offline(menjin, jwks_url=url)
        verifier.check(token)
        verifier.keys._tried_at -= 5  # Five seconds later: just after a fetch there is none at all.
        with ThreadPoolExecutor(8) as threads:
            codes = list(threads.map(lambda one: refused(verifier, one).code, flood))
        assert codes == ["token_invalid"] * 200
        assert len(asked) == 2  # The first read, and one for all of them.
        assert verifier.check(token)


def test_while_menjin_is_away_the_keys_at_hand_go_on_serving_and_without_any_it_is_503(own_menjin, person):
    menjin = own_menjin()
    token = menjin.sign_in(person)["access_token"]
    verifier = offline(menjin)
    verifier.check(token)
    menjin.stop()
    verifier.keys._current = verifier.keys._current._replace(fresh_until=time.monotonic() - 890)
    assert verifier.check(token)
    verifier.keys._current = verifier.keys._current._replace(fresh_until=time.monotonic() - 901)
    refusal = refused(verifier, token)
    assert (refusal.code, refusal.status, refusal.action) == ("keys_unavailable", 503, "retry")
    assert refused(offline(menjin), token).headers()["Retry-After"] == "2"


def test_keys_are_rotated_under_load_and_nobody_gets_a_401(own_menjin, person):
    menjin = own_menjin(lifetimes='jwks_max_age = "1s"')
    backend = Backend(menjin.url, "shop-api", menjin.settings()["SECRET"])
    verifier = Verifier(menjin.url, "shop", feed=backend)
    phones = [menjin.sign_in(person, f"phone{at}") for at in range(4)]
    old = phones[0]["access_token"]

    def visit(at: int) -> str:
        phones[at] = call(f"{menjin.url}/v1/token/refresh", {"refresh_token": phones[at]["refresh_token"]})
        verifier.check(phones[at]["access_token"])
        return jwt.get_unverified_header(phones[at]["access_token"])["kid"]

    kids = {visit(at) for at in range(4)}
    for rotation in range(2, 4):
        menjin.command("key", "rotate")
        with ThreadPoolExecutor(4) as threads:
            seen = lambda: kids.update(threads.map(visit, range(4))) or len(kids)  # noqa: E731
            eventually(lambda wanted=rotation, seen=seen: seen() == wanted, "a new key signs")
    assert verifier.check(old)
    verifier.feed.close()


def test_a_revoked_key_is_heard_of_also_where_the_jwks_still_has_it(own_menjin, person):
    menjin = own_menjin(lifetimes='jwks_max_age = "1s"')
    backend = Backend(menjin.url, "shop-api", menjin.settings()["SECRET"])
    with copied_keys(menjin) as (old_keys, _):
        verifiers = [Verifier(menjin.url, "shop", feed=backend, **more) for more in ({}, {"jwks_url": old_keys})]
        token = menjin.sign_in(person)["access_token"]
        assert all(verifier.check(token) for verifier in verifiers)
        menjin.command("key", "revoke", jwt.get_unverified_header(token)["kid"])
        for verifier in verifiers:
            eventually(lambda verifier=verifier: _code(verifier, token) == "token_invalid", "the key is refused")
        fresh = menjin.sign_in(person)["access_token"]
        eventually(lambda: _code(verifiers[0], fresh) is None, "the next key is taken")
        for verifier in verifiers:
            verifier.feed.close()


def _code(verifier: Verifier, token: str):
    try:
        verifier.check(token)
    except Refused as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"issuer": "https://login.example.com/"}, "issuer"),
        ({"issuer": "login.example.com"}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"leeway": 61}, "leeway"),
        ({"feed": True}, "feed"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(wanted, said):
    settings = {"issuer": "https://login.example.com", "audience": "shop", "feed": False, **wanted}
    with pytest.raises(ConfigurationError, match=f"^{said}: "):
        Verifier(settings.pop("issuer"), settings.pop("audience"), **settings)


def test_the_feed_must_be_said():
    with pytest.raises(TypeError, match="feed"):
        Verifier("https://login.example.com", "shop")


def test_a_refusal_is_a_problem_in_the_language_of_the_client():
    refusal = Refused("session_kicked")
    assert refusal.problem()["title"] == "Signed out remotely"
    assert refusal.problem("en;q=0.5, zh-TW;q=0.9")["title"] == "已被下线"
    assert refusal.problem("zh;q=0, fr")["title"] == "Signed out remotely"
    headers = refusal.headers("zh")
    assert headers["WWW-Authenticate"].startswith('Bearer realm="menjin", error="invalid_token"')
    assert (headers["Content-Type"], headers["Content-Language"]) == ("application/problem+json", "zh-CN")
