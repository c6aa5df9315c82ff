"""python-weixin, as it is published: session key, access token, decryption."""

from phone import APPID, SECRET, learnt, on_phone
from weixin import WXAPPAPI
from weixin.lib.wxcrypt import WXBizDataCrypt
from weixin.oauth2 import OAuth2AuthExchangeError

api = WXAPPAPI(appid=APPID, app_secret=SECRET, grant_type="client_credential")
code = on_phone("login")["code"]
session = api.exchange_code_for_session_key(code=code)
try:
    again = api.exchange_code_for_session_key(code=code)
except OAuth2AuthExchangeError as refused:
    again = refused.code
token = api.client_credential_for_access_token()
tapped = on_phone("getPhoneNumber", phone="13580006666")
phone = WXBizDataCrypt(APPID, session["session_key"]).decrypt(tapped["encryptedData"], tapped["iv"])
learnt(
    openid=session["openid"],
    again=again,
    expires_in=token["expires_in"],
    phone=phone["phoneNumber"],
)
