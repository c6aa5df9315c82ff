// co-wechat-api, as it is published: code2session, access tokens, codes to be scanned.

import WechatAPI from "co-wechat-api";

import { appid, learnt, onPhone, secret } from "./phone.mjs";

const api = new WechatAPI(appid, secret);
const { code } = await onPhone("login");
const session = await api.code2Session(code);
const again = await api.code2Session(code).catch((error) => error.code);
const picture = await api.getWXACodeUnlimit("ticket=1", "pages/scan/scan");
// A token that the platform no longer takes: it has to understand 40001 and fetch another.
await api.saveToken({ accessToken: "stale", expireTime: Date.now() + 3_600_000 });
const renewed = await api.getWXACodeUnlimit("ticket=2", "pages/scan/scan");
learnt({
  openid: session.openid,
  again,
  jpeg: [picture, renewed].map((it) => it.subarray(0, 3).toString("hex")),
});
