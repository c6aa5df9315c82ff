"""A mini program's server written with wechatpy, against the simulator: code2session, decryption, access token, phone number.

wechatpy is used as it is, and finds the simulator by its environment: a proxy and a CA. Prints what it learnt as JSON.
"""

import json
import sys
import warnings
from urllib.parse import parse_qs

import requests
import xmltodict
from wechatpy import WeChatClient
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import WeChatClientException

warnings.simplefilter("ignore")
SIMULATOR, APPID, SECRET = sys.argv[1:4]
PUSHED, PUSH_QUERY, PUSH_TOKEN, PUSH_KEY = sys.argv[4:8]
WECHAT = "https://api.weixin.qq.com"


def on_phone(call, **more):
    """What the mini program gets from WeChat's client on alice's phone."""
    browser = requests.Session()
    browser.trust_env = False
    answer = browser.post(f"{SIMULATOR}/_sim/wx/{call}", json={"person": "alice", "appid": APPID, **more})
    answer.raise_for_status()
    return answer.json()


def decrypt(session_key, sent):
    return WeChatWxaCrypto(session_key, sent["iv"], APPID).decrypt_message(sent["encryptedData"])


def refused(ask, *arguments):
    try:
        ask(*arguments)
    except WeChatClientException as refusal:
        return refusal.errcode
    return None


client = WeChatClient(APPID, SECRET)

code = on_phone("login")["code"]
session = client.wxa.code_to_session(code)
profile = decrypt(session["session_key"], on_phone("getUserProfile"))
tapped = on_phone("getPhoneNumber", phone="13580006666")

# A token that the platform no longer takes: wechatpy must understand 40001 and fetch another by itself.
client.session.set(client.access_token_key, "stale")
body = {"code": tapped["code"], "openid": session["openid"]}
answer = client.post(f"{WECHAT}/wxa/business/getuserphonenumber", data=body)

# What WeChat pushes, sealed.
query = {name: values[0] for name, values in parse_qs(PUSH_QUERY).items()}
crypto = WeChatCrypto(PUSH_TOKEN, PUSH_KEY, APPID)
pushed = crypto.decrypt_message(PUSHED, query["msg_signature"], query["timestamp"], query["nonce"])

learnt = {
    "openid": session["openid"],
    "unionid": session["unionid"],
    "second_use": refused(client.wxa.code_to_session, code),
    "bad_text": refused(client.wxa.check_text_security, "违规"),
    "good_text": refused(client.wxa.check_text_security, "爱丽丝"),
    "code": client.wxa.get_wxa_code_unlimited("ticket=1").content[:3].hex(),
    "revoked": xmltodict.parse(pushed)["xml"]["RevokeInfo"],
    "nickname": profile["nickName"],
    "watermark": profile["watermark"],
    "phone_from_encrypted_data": decrypt(session["session_key"], tapped)["phoneNumber"],
    "phone_from_code": answer["phone_info"]["phoneNumber"],
    "stale_token_was_replaced": client.access_token != "stale",
}
json.dump(learnt, sys.stdout)
