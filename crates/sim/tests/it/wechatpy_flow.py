"""A mini program's server written with wechatpy, against the simulator: code2session, decryption, access token, phone number.

wechatpy is used as it is; only its connection to api.weixin.qq.com is led to the simulator. Prints what it learnt as JSON.
"""

import json
import sys
import warnings

import requests
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import WeChatClientException

warnings.simplefilter("ignore")
SIMULATOR, APPID, SECRET = sys.argv[1:4]
WECHAT = "https://api.weixin.qq.com"


class ToSimulator(HTTPAdapter):
    def send(self, request, *args, **kwargs):
        request.url = request.url.replace(WECHAT, SIMULATOR, 1)
        return super().send(request, *args, **kwargs)


def on_phone(call, **more):
    """What the mini program gets from WeChat's client on alice's phone."""
    browser = requests.Session()
    browser.trust_env = False
    answer = browser.post(f"{SIMULATOR}/_sim/wx/{call}", json={"person": "alice", "appid": APPID, **more})
    answer.raise_for_status()
    return answer.json()


def decrypt(session_key, sent):
    return WeChatWxaCrypto(session_key, sent["iv"], APPID).decrypt_message(sent["encryptedData"])


def second_use(client, code):
    try:
        client.wxa.code_to_session(code)
    except WeChatClientException as refused:
        return refused.errcode
    return None


client = WeChatClient(APPID, SECRET)
client._http.trust_env = False
client._http.mount(WECHAT, ToSimulator())

code = on_phone("login")["code"]
session = client.wxa.code_to_session(code)
profile = decrypt(session["session_key"], on_phone("getUserProfile"))
tapped = on_phone("getPhoneNumber", phone="13580006666")

# A token that the platform no longer takes: wechatpy must understand 40001 and fetch another by itself.
client.session.set(client.access_token_key, "stale")
body = {"code": tapped["code"], "openid": session["openid"]}
answer = client.post(f"{WECHAT}/wxa/business/getuserphonenumber", data=body)

learnt = {
    "openid": session["openid"],
    "unionid": session["unionid"],
    "second_use": second_use(client, code),
    "nickname": profile["nickName"],
    "watermark": profile["watermark"],
    "phone_from_encrypted_data": decrypt(session["session_key"], tapped)["phoneNumber"],
    "phone_from_code": answer["phone_info"]["phoneNumber"],
    "stale_token_was_replaced": client.access_token != "stale",
}
json.dump(learnt, sys.stdout)
