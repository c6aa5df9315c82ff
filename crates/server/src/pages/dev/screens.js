// The glass of a phone: the program's screens, and what the platform lays over them.

import { draw, el, hue, icon, rich } from "./dom.js";
import { MANY } from "./program.js";
import { date, say, shortTime } from "./words.js";

/** Platforms whose button for the phone number gives a code that goes with a sign-in. */
const GIVE_CODES = ["wechat", "douyin"];

const SIGNALS = { good: "good", slow: "slow", lose_one: "lost", lose_all: "lost", airplane: "plane" };

export class Screens {
  #phone;
  #root;
  #world;
  /** Where the focus was before a question came. */
  #before = null;
  /** Where it was last. What is disabled loses it to nothing, sooner or later. */
  #last = null;

  constructor(phone, root, world) {
    this.#phone = phone;
    this.#root = root;
    this.#world = world;
    this.#listen();
  }

  #find(css) {
    return this.#root.querySelector(`.phone ${css}`);
  }

  #listen() {
    this.#root.addEventListener("focusin", (event) => { this.#last = event.target; });
    const on = (css, event, doing) => this.#find(css).addEventListener(event, (happened) => {
      happened.preventDefault();
      doing(this.#phone.program);
    });
    on(".out", "submit", (program) => program.login());
    on(".login-phone", "click", (program) => program.loginWithPhone());
    on(".me", "click", (program) => program.go("profile"));
    on(".back", "click", (program) => program.go("home"));
    on(".bind", "click", (program) => program.bindPhone());
    on(".ask", "click", (program) => program.ask());
    on(".many", "click", (program) => program.askMany());
    on(".devices", "click", (program) => program.go("sessions"));
    on(".check", "click", (program) => program.checkSession());
    on(".logout", "click", (program) => program.logout());
    on(".choose", "click", (program) => program.chooseAvatar());
    on(".profile", "submit", (program) => program.rename(this.#find(".new-nickname").value));
    on(".again", "click", (program) => program.notice?.again?.());
    this.#find(".veil").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#phone.program.answer("deny");
    });
  }

  show() {
    const { program, app, line } = this.#phone;
    const { platform } = app;
    this.#find(".glass").dataset.platform = platform;
    this.#find(".app-name").textContent = program.screen === "profile" ? say("profile") : program.screen === "sessions" ? say("where") : app.id;
    this.#find(".back").hidden = !["profile", "sessions"].includes(program.screen);
    this.#find(".logo").textContent = app.id.replace(/^demo-/, "").at(0).toUpperCase();
    this.#find(".hello h3").textContent = say("hello", { app: app.id });
    this.#find(".login-phone").hidden = !GIVE_CODES.includes(platform);
    this.#find(".signal use").setAttribute("href", `#i-${SIGNALS[line.weather]}`);
    this.#find(".signal b").textContent = line.weather === "good" ? "5G" : "";
    this.#showScreen(program.screen);
    this.#showNotice(program.notice);
    if (program.user) this.#showUser(program, platform);
    draw(this.#find(".sessions ul"), [program.sessions, this.#phone.tokens()?.session_id], () => this.#showSessions(program.sessions ?? []));
    this.#find(".toast").hidden = !program.toast;
    this.#find(".toast").textContent = program.toast;
    this.#showQuestion(program.question);
  }

  /** Whoever was on what goes away is taken along to what comes. */
  #showScreen(coming) {
    const leaving = [...this.#root.querySelectorAll(".screen:not([hidden])")].find((screen) => !screen.classList.contains(coming));
    const screen = this.#find(`.screen.${coming}`);
    if (!leaving) return;
    const focused = document.activeElement;
    const moves = leaving.contains(focused) || this.#find(".title-bar").contains(focused) || focused?.disabled;
    screen.hidden = false;
    leaving.hidden = true;
    if (coming === "profile") this.#find(".new-nickname").value = this.#phone.program.user?.nickname ?? "";
    if (moves) (coming === "sessions" || coming === "profile" ? this.#find(".back") : screen.querySelector("button:not([hidden])")).focus({ preventScroll: true });
  }

  #showNotice(notice) {
    const box = this.#find(".notice");
    box.hidden = !notice;
    if (!notice) return;
    const { kind, title, more, error, kept, again } = notice;
    box.className = `notice ${kind}`;
    const [head, text, button] = box.children;
    head.textContent = title ? say(title) : (error.title ?? say("failed"));
    const rest = more ? say(more) : error.message === error.title ? "" : error.message;
    text.replaceChildren(...rich(kind === "alarm" && kept && more ? `${rest} ${say("tokens_kept")}` : rest));
    button.hidden = !again;
  }

  #showUser({ user, need, said }, platform) {
    const text = (css, words) => { this.#find(css).textContent = words; };
    for (const box of [this.#find(".me .avatar"), this.#find(".choose .avatar")]) this.#showPicture(box, user);
    text(".nickname", user.nickname ?? say("no_nickname"));
    this.#find(".nickname").classList.toggle("none", !user.nickname);
    text(".me .number", say("number", { number: user.number, since: date(user.created_at) }));
    text(".user-id", user.id);
    text(".phone-number", user.phone_masked ?? say(need.includes("phone") ? "phone_needed" : "no_phone"));
    this.#find(".phone-number").classList.toggle("value", Boolean(user.phone_masked));
    this.#find(".bind").hidden = platform === "qq";
    text(".ask em", said.ask ?? "");
    text(".many-name", say("many", { count: MANY }));
    text(".many em", said.many ?? "");
    text(".check em", said.check ?? "");
    text(".check-call", `${{ qq: "qq", douyin: "tt" }[platform] ?? "wx"}.checkSession()`);
    this.#find(".check").hidden = platform === "alipay";
  }

  #showPicture(box, user) {
    const { person } = this.#phone;
    draw(box, [person, user.nickname, user.avatar_url], () => {
      const size = box.classList.contains("large") ? "large" : "";
      const url = this.#world.pictureOf(user);
      box.className = `avatar ${size} ${hue(person)}`;
      box.replaceChildren(url ? el("img", { src: url, alt: "", referrerpolicy: "no-referrer" }) : (Array.from(user.nickname ?? person).at(-1) ?? "?"));
    });
  }

  #showSessions(sessions) {
    const own = this.#phone.tokens()?.session_id;
    this.#find(".sessions ul").replaceChildren(...sessions.map((session) => {
      const name = session.device.name || session.device.class;
      const facts = [session.device.system, session.app, session.ip, shortTime(session.opened_at)].filter(Boolean).join(" · ");
      const end = el("button", { type: "button", class: "end", "aria-label": say("end_it_of", { name }), click: () => this.#end(session.id) }, say("end_it"));
      return el("li", { class: "cell" }, icon(session.device.class === "pc" ? "device" : "phone"), el("span", {}, el("b", {}, name), el("small", {}, facts)), session.id === own ? el("em", { class: "chip fine" }, say("this_device")) : end);
    }));
  }

  /** The row goes away, so whoever pressed its button is left at the way back. */
  #end(id) {
    this.#find(".back").focus();
    this.#phone.program.endSession(id);
  }

  #showQuestion(question) {
    const veil = this.#find(".veil");
    draw(veil, question && [question.kind, question.reason], () => {
      const behind = [this.#find(".window"), this.#find(".title-bar")];
      if (question) {
        if (this.#root.contains(document.activeElement)) this.#before ??= document.activeElement;
        else if (document.activeElement === document.body && this.#last?.disabled) this.#before ??= this.#last;
        veil.replaceChildren(question.kind === "ended" ? this.#ended(question) : this.#sheet(question));
      }
      veil.hidden = !question;
      for (const part of behind) part.inert = Boolean(question);
      if (question && this.#before) veil.querySelector(".first").focus({ preventScroll: true });
      if (!question) this.#giveBack();
    });
  }

  /** To where it was, or to what has come instead. */
  #giveBack() {
    const before = this.#before;
    this.#before = null;
    if (!before) return;
    const isThere = !before.disabled && before.checkVisibility();
    (isThere ? before : this.#find(".screen:not([hidden]) button:not([hidden])")).focus({ preventScroll: true });
  }

  #button(answer, words, more = "") {
    return el("button", { type: "button", class: `${answer} ${more}`, click: () => this.#phone.program.answer(answer) }, say(words));
  }

  /** WeChat's `showModal`: why it is over, and the way back in. */
  #ended({ reason, error }) {
    const by = error.cause?.replaced_by;
    return el("div", { class: "modal", role: "alertdialog", "aria-label": error.title, "data-reason": reason },
      el("h3", {}, error.title),
      el("p", {}, rich(error.message)),
      by && el("p", { class: "replaced-by" }, say("replaced_by", { device: by.device?.name ?? by.device?.class, time: shortTime(by.at) })),
      el("code", {}, reason),
      el("div", { class: "choices" }, this.#button("deny", "later"), this.#button("allow", "login_again", "first")));
  }

  #sheet({ kind }) {
    const { app, person } = this.#phone;
    const parts = kind === "phone" ? this.#number(person) : this.#pictures(person);
    return el("div", { class: "sheet", role: "dialog", "aria-label": say(`ask_${kind}`, { app: app.id }) },
      el("p", { class: "who" }, el("span", { class: "logo", "aria-hidden": "true" }, app.id.at(0).toUpperCase()), el("b", {}, app.id), say("asks")),
      el("h3", {}, say(`ask_${kind}`, { app: app.id })),
      parts);
  }

  #number(person) {
    const number = this.#world.numberOf(person);
    return [
      el("p", { class: "offered" }, el("b", {}, number ?? say("own_number")), el("small", {}, say("number_of", { person }))),
      el("div", { class: "choices" }, this.#button("deny", "deny"), this.#button("allow", "allow", "first")),
    ];
  }

  #pictures(person) {
    const file = el("input", {
      type: "file", accept: "image/png,image/jpeg,image/webp", class: "spoken", "aria-label": say("from_album"),
      change: (event) => event.target.files[0] && this.#phone.program.answer(event.target.files[0]),
    });
    return [
      el("div", { class: "list" },
        this.#phone.app.platform === "wechat" && el("button", { type: "button", class: "allow first", click: () => this.#phone.program.answer("allow") }, el("span", { class: `avatar ${hue(person)}`, "aria-hidden": "true" }, Array.from(person).at(-1)), say("platforms_picture")),
        el("label", { class: this.#phone.app.platform === "wechat" ? "" : "first", tabindex: -1 }, file, say("from_album"))),
      el("div", { class: "choices" }, this.#button("deny", "cancel")),
    ];
  }
}
