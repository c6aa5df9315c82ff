// node-easywechat, as it is published: code2session, access token, phone number, text check.

import { createRequire } from "node:module";

import { appid, learnt, onPhone, secret } from "./phone.mjs";

const { MiniApp } = createRequire(import.meta.url)("node-easywechat");

const app = new MiniApp({ app_id: appid, secret });
const { code } = await onPhone("login");
const session = await app.getUtils().codeToSession(code);
const tapped = await onPhone("getPhoneNumber", { phone: "13580006666" });
const plain = app.getUtils().decryptSession(session.session_key, tapped.iv, tapped.encryptedData);
const client = app.getClient();
const post = async (path, json) => (await client.postJson(path, json)).toObject();
const number = await post("/wxa/business/getuserphonenumber", { code: tapped.code, openid: session.openid });
const check = async (content) =>
  (await post("/wxa/msg_sec_check", { version: 2, scene: 1, openid: session.openid, content })).result.suggest;
learnt({
  openid: session.openid,
  phones: [plain.phoneNumber, number.phone_info.phoneNumber],
  checked: [await check("爱丽丝"), await check("违规")],
});
