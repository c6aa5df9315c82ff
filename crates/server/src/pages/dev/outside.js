// What happens to a phone from outside: time, an operator, somebody who overheard a code, a restart.

import { languageTag } from "./words.js";

/** Whether the SDK holds a session. */
export const signedIn = (phone) => phone.tokens() !== null;

/** Only the token that is held can be past its time. */
export function dropToken(phone) {
  phone.line.aged = {};
}

/** Makes the token's time be over, as menjin sees it; the program on the phone does not know. */
export async function expire(phone) {
  phone.log.begin("act_expire");
  const held = phone.tokens()?.access_token;
  if (!held || phone.line.aged[held]) return;
  const answer = await asked(phone, { name: "expire", path: "/dev/expire", headers: { Authorization: `Bearer ${held}` } });
  if (answer?.status === 200) phone.line.aged = { [held]: answer.json.access_token };
  phone.changed();
}

/** The phone lay about until the SDK itself knows that the token is over: it refreshes before it asks anything. */
export async function sleep(phone) {
  const key = `menjin.${phone.app.id}`;
  const kept = phone.place.storage()[key];
  phone.place.store(key, { ...kept, at: kept.at - kept.expires_in * 1000 });
  phone.start();
  await phone.program.resume("act_refresh");
}

/** The program is thrown out of memory and opened again. */
export async function restart(phone) {
  phone.start();
  await phone.program.resume("act_restart");
}

/** An operator ends the session; then the program asks for something, as it would sooner or later. */
export async function kick(phone) {
  phone.log.begin("act_kick");
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ session_id: phone.tokens().session_id });
  const answer = await asked(phone, { name: "kick", path: "/dev/kick", headers, body });
  if (answer?.status === 204) await phone.program.ask();
}

/** The last code once more, as somebody who overheard it would send it. */
export async function replay(phone) {
  phone.log.begin("act_replay");
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ code: phone.log.lastCode });
  await asked(phone, { name: "replay", path: `/v1/login/${phone.app.id}`, headers, body });
}

/** Whatever the phone's own network is like; shown among its requests all the same. */
async function asked(phone, request) {
  const headers = { "Accept-Language": languageTag(), ...request.headers };
  const answer = await phone.line.send({ ...request, headers, outside: true });
  phone.changed();
  return answer;
}
