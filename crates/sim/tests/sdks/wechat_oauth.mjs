// wechat-oauth, as it is published: a mini program's session, and its user decrypted.

import { createRequire } from "node:module";

import { appid, learnt, onPhone, secret } from "./phone.mjs";

const OAuth = createRequire(import.meta.url)("wechat-oauth");

const oauth = new OAuth(appid, secret, null, null, true);
const asked = (code) =>
  new Promise((resolve, reject) => oauth.getSessionKey(code, (error, answer) => (error ? reject(error) : resolve(answer.data))));
const { code } = await onPhone("login");
const session = await asked(code);
const again = await asked(code).catch((error) => error.code);
const sent = await onPhone("getUserInfo", { nickname: "爱丽丝" });
const user = oauth.decryptMiniProgramUser({ encryptedData: sent.encryptedData, iv: sent.iv, sessionKey: session.session_key });
learnt({ openid: session.openid, again, nickname: user.nickName });
