"""weixin-python, as it is published: a mini program's session, and a sign-in through an official account's page."""

import sys
from urllib.parse import parse_qs, urlparse

from phone import APPID, SECRET, learnt, on_phone
from weixin import WeixinError
from weixin.login import WeixinLogin

ACCOUNT = sys.argv[4]

login = WeixinLogin(APPID, SECRET)
code = on_phone("login")["code"]
session = login.jscode2session(code)
try:
    again = login.jscode2session(code).openid
except WeixinError as refused:
    again = str(refused).split(" ")[0]

account = WeixinLogin(ACCOUNT, SECRET)
page = account.authorize("http%3A%2F%2F127.0.0.1%2Fback", "snsapi_userinfo", "state1")
location = on_phone("authorize", appid=None, url=page)["location"]
answer = parse_qs(urlparse(location).query)
token = account.access_token(answer["code"][0])
user = account.userinfo(token.access_token, token.openid)
learnt(
    openid=session.openid,
    again=again,
    state=answer["state"][0],
    account_openid=user.openid,
    nickname=user.nickname,
    unionid=user.unionid,
)
