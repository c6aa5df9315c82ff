// The page: buttons to acts, and what the phone holds to what is seen.

import * as app from "./app.js";
import { copyable, draw, el, find, hue, icon, rich } from "./dom.js";
import * as steps from "./steps.js";
import { showTimeLeft, showToken } from "./token.js";
import { chooseLanguage, currentLanguage, dateMinute, dateTime, has, languageTag, say, shortTime, timeOfDay } from "./words.js";

const { phone } = app;

let busy = false;

/** One act at a time: until it is over, the buttons that would begin another refuse. They keep the focus, unlike disabled ones. */
async function act(title, values, doing) {
  if (busy) return;
  busy = true;
  show();
  try {
    await doing(steps.begin(title, values));
  } finally {
    busy = false;
    show();
  }
}

function on(id, event, doing) {
  find(id).addEventListener(event, (happened) => {
    happened.preventDefault();
    doing(happened);
  });
}

function signedInAct(title, doing) {
  if (phone.tokens) act(title, {}, doing);
}

function chosenPerson() {
  return find("person").value.trim() || document.querySelector("input[name=person]:checked")?.value || "小明";
}

function signIn(withPhone) {
  const person = chosenPerson();
  act(withPhone ? "act_login_phone" : "act_login", { person }, (now) => app.login(now, person, withPhone));
}

function listen() {
  on("lang-zh", "click", () => speak("zh"));
  on("lang-en", "click", () => speak("en"));
  on("signed-out", "submit", () => signIn(false));
  on("login-phone", "click", () => signIn(true));
  on("bind-phone", "click", () => signedInAct("act_bind_phone", (now) => app.login(now, phone.person, true)));
  on("refresh", "click", () => signedInAct("act_refresh", app.refresh));
  on("me", "click", () => signedInAct("act_me", app.me));
  on("elsewhere", "click", () => signedInAct("act_elsewhere", app.loginElsewhere));
  on("kick", "click", () => signedInAct("act_kick", app.kick));
  on("logout", "click", () => signedInAct("act_logout", app.logout));
  on("again", "click", () => act("act_again", {}, app.again));
  on("replay", "click", () => act("act_replay", {}, app.replay));
  on("rename", "submit", () => signedInAct("act_rename", async (now) => {
    const trouble = await app.rename(now, find("new-nickname").value);
    find("rename-error").hidden = !trouble;
    find("rename-error").replaceChildren(...rich(trouble ?? ""));
    if (!trouble) find("new-nickname").value = "";
  }));
  on("lose", "click", () => {
    phone.loseNext = !phone.loseNext;
    show();
  });
  on("clear", "click", () => {
    steps.clear();
    find("steps").focus();
  });
  // Whoever types a name means it; whoever picks a face means that.
  find("person").addEventListener("input", () => {
    for (const radio of document.querySelectorAll("input[name=person]")) radio.checked = false;
  });
  for (const radio of document.querySelectorAll("input[name=person]")) {
    radio.addEventListener("change", () => { find("person").value = ""; });
  }
}

function speak(language) {
  chooseLanguage(language);
  words();
  steps.show();
  show();
}

/** The words that stand still. */
function words() {
  document.documentElement.lang = languageTag();
  for (const element of document.querySelectorAll("[data-t]")) element.replaceChildren(...rich(say(element.dataset.t)));
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", say(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.setAttribute("placeholder", say(element.dataset.tPlaceholder));
  for (const language of ["zh", "en"]) find(`lang-${language}`).setAttribute("aria-pressed", String(language === currentLanguage()));
}

function show() {
  const { info, tokens } = phone;
  if (info) showPlaces(info);
  showScreens();
  showNotice();
  if (phone.user) showUser(phone.user);
  for (const button of document.querySelectorAll("[data-signed-in]")) button.disabled = !tokens;
  find("replay").disabled = !phone.lastLogin;
  find("lose").setAttribute("aria-pressed", String(phone.loseNext));
  find("signal").classList.toggle("weak", phone.loseNext);
  showSession();
  showToken(tokens, phone.tokenIsGood);
  showBusy();
}

function showBusy() {
  document.body.toggleAttribute("data-busy", busy);
  for (const button of document.querySelectorAll("[data-act]")) button.setAttribute("aria-disabled", String(busy));
}

function showPlaces(info) {
  find("app-name").textContent = info.app?.id ?? "demo";
  find("simulator").href = new URL("/_sim/", info.simulator).href;
  const values = { version: info.version, issuer: info.issuer, app: info.app?.id, appid: info.app?.appid, audience: info.app?.audience, backend: info.backend ?? "–" };
  find("about").replaceChildren(...rich(say("about", values)));
}

/** Whoever was on what goes away is taken along to what comes. */
function showScreens() {
  const [coming, leaving] = phone.tokens ? ["signed-in", "signed-out"] : ["signed-out", "signed-in"];
  const focused = document.activeElement;
  const moves = find(leaving).contains(focused) || (!phone.tokens && focused?.hasAttribute("data-signed-in"));
  find(coming).hidden = false;
  find(leaving).hidden = true;
  if (moves) find(phone.tokens ? "nickname" : "login").focus();
}

function showNotice() {
  const { notice } = phone;
  find("notice").hidden = !notice;
  if (!notice) return;
  const [title, more, again] = find("notice").children;
  again.hidden = !phone.unanswered;
  find("notice").className = `notice ${notice.key === "signed_out" ? "calm" : "alarm"}`;
  title.textContent = say(notice.key);
  more.replaceChildren(...rich(has(`${notice.key}_more`) ? say(`${notice.key}_more`) : (notice.problem?.detail ?? "")));
}

function showUser(user) {
  const name = user.nickname ?? phone.person;
  find("avatar").className = `avatar large ${hue(phone.person)}`;
  find("avatar").replaceChildren(...picture(user, name));
  find("nickname").textContent = user.nickname ?? say("no_nickname");
  find("nickname").classList.toggle("none", !user.nickname);
  find("user-id").textContent = user.id;
  find("number").textContent = user.number;
  find("phone-number").textContent = user.phone_masked ?? say("no_phone");
  find("bind-phone").hidden = Boolean(user.phone_masked);
  find("since").textContent = dateMinute(user.created_at);
}

function picture(user, name) {
  if (user.avatar_url?.startsWith("https://")) return [el("img", { src: user.avatar_url, alt: "", referrerpolicy: "no-referrer" })];
  return [Array.from(name).at(-1) ?? "?"];
}

function showSession() {
  const panel = find("session-panel");
  const { tokens, sessions } = phone;
  panel.querySelector(".nothing").hidden = Boolean(tokens);
  panel.querySelector(".filled").hidden = !tokens;
  find("session-state").hidden = !tokens;
  if (tokens) draw("session", [tokens, sessions], () => drawSession(tokens, sessions));
}

function drawSession(tokens, sessions) {
  const own = sessions.find((session) => session.id === tokens.session_id);
  find("session-state").className = "chip fine";
  find("session-state").textContent = say("live");
  find("session-id").replaceChildren(copyable(tokens.session_id, "session_id"));
  find("session-device").textContent = own ? deviceName(own.device) : "–";
  find("session-opened").textContent = own ? dateTime(own.opened_at) : "–";
  find("session-ends").textContent = own ? dateTime(own.expires_at) : "–";
  find("refresh-token").replaceChildren(copyable(tokens.refresh_token, "refresh_token"));
  find("sessions").replaceChildren(...sessions.map((session) => row(session, tokens.session_id)));
}

function row(session, own) {
  const name = deviceName(session.device);
  const button = el("button", { type: "button", class: "small", "data-act": true, "aria-label": say("end_it_of", { name }), click: () => end(session.id) }, say("end_it"));
  return el("li", {},
    icon(session.device.class === "pc" ? "device" : "phone"),
    el("div", {}, el("b", {}, name), el("small", {}, [session.ip, session.app === phone.info?.app.id ? null : session.app, shortTime(session.opened_at)].filter(Boolean).join(" · "))),
    session.id === own ? el("span", { class: "chip" }, say("this_device")) : button);
}

/** The row goes away, so whoever pressed its button is left at the list. */
function end(id) {
  find("where").focus();
  signedInAct("act_end", (now) => app.endSession(now, id));
}

function deviceName(device) {
  return [device.name, device.system].filter(Boolean).join(" · ") || device.class;
}

function tick() {
  find("clock").textContent = timeOfDay(Date.now(), false);
  showTimeLeft(phone.tokens);
}

async function start() {
  words();
  listen();
  steps.show();
  show();
  tick();
  setInterval(tick, 1000);
  try {
    await app.wake(show);
  } catch {
    phone.notice = { key: "unreachable" };
  }
  show();
  if (phone.tokens && phone.info) {
    app.checkSignature();
    act("act_resume", {}, async (now) => {
      if (await app.me(now)) await app.listSessions(now);
    });
  }
}

await start();
