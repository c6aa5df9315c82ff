// The mini program: what an app does with the SDK. All that it knows of signing in, refreshing and repeating is in the SDK.

import { dropToken, signedIn } from "./outside.js";
import { say } from "./words.js";
import { tap } from "./wx.js";

/** So many at once, to see how often tokens are refreshed for them. */
export const MANY = 20;

/** After these there is nothing to say but that it did not work, and that it can be tried again. */
const PASSING = ["network", "interrupted", "platform_failed"];

export class Program {
  screen = "out";
  user = null;
  need = [];
  sessions = null;
  /** What stands on a cell of the first screen, by the cell. */
  said = {};
  notice = null;
  toast = "";
  /** What the platform or the program asks, over everything else. */
  question = null;
  running = 0;
  #phone;
  #client;
  #place;
  #toasts = 0;

  /** The program starts: who is signed in is what the SDK has stored. */
  constructor(phone, { client, place }) {
    this.#phone = phone;
    this.#client = client;
    this.#place = place;
    const current = client.current();
    if (current) Object.assign(this, { user: current.user, need: current.need, screen: "home" });
  }

  /** Another program takes its place. */
  close() {
    this.#answer("deny");
  }

  /** Opened where somebody was signed in: whether they still are. */
  resume(title = "act_resume") {
    return this.#act(title, {}, async () => {
      if (this.user) await this.#me();
    });
  }

  go(screen) {
    Object.assign(this, { screen, notice: null });
    this.#phone.changed();
    return screen === "sessions" ? this.listSessions() : null;
  }

  login() {
    return this.#act("act_login", { person: this.#place.person }, () => this.#enter({}));
  }

  /** One tap for both, where the platform gives a code for the number. */
  loginWithPhone() {
    return this.#act("act_login_phone", { person: this.#place.person }, async () => {
      const { code } = await this.#askForNumber();
      if (code) await this.#enter({ phone_code: code });
      else this.#say(say("denied"));
    });
  }

  async #enter(options) {
    const answer = await this.#client.login(options);
    Object.assign(this, { user: answer.user, need: answer.need, screen: "home", notice: null });
    this.#say(say(answer.is_new_user ? "welcome" : "welcome_back"));
    await this.#me();
  }

  ask() {
    return this.#act("act_me", {}, () => this.#me());
  }

  async #me() {
    const answer = await this.#client.request({ url: "/v1/me" });
    if (answer.statusCode === 200) Object.assign(this, { user: answer.data.user, need: answer.data.need ?? this.need });
    this.said = { ...this.said, ask: String(answer.statusCode) };
  }

  askMany() {
    return this.#act("act_many", { count: MANY }, async () => {
      const asked = Array.from({ length: MANY }, () => this.#client.request({ url: "/v1/me" }));
      const answers = await Promise.allSettled(asked);
      const good = answers.filter((answer) => answer.value?.statusCode === 200).length;
      this.said = { ...this.said, many: `${good} / ${MANY}` };
      const refused = answers.find((answer) => answer.status === "rejected");
      if (refused) throw refused.reason;
    });
  }

  listSessions() {
    return this.#act("act_sessions", {}, async () => {
      const answer = await this.#client.request({ url: "/v1/me/sessions" });
      this.sessions = answer.data.sessions ?? null;
    });
  }

  endSession(id) {
    return this.#act("act_end", {}, async () => {
      await this.#client.request({ url: `/v1/me/sessions/${encodeURIComponent(id)}`, method: "DELETE" });
      const answer = await this.#client.request({ url: "/v1/me/sessions" });
      this.sessions = answer.data.sessions ?? null;
    });
  }

  bindPhone() {
    return this.#act("act_bind_phone", {}, async () => {
      this.user = await this.#client.getPhoneNumber({ detail: await this.#askForNumber() });
      this.need = this.need.filter((lacking) => lacking !== "phone");
      this.#say(say("phone_bound"));
    });
  }

  /** The platform's own question; the event of its button. */
  async #askForNumber() {
    const allowed = (await this.#question({ kind: "phone" })) === "allow";
    return tap(this.#place, "getPhoneNumber", allowed ? {} : { fail: "deny" });
  }

  rename(nickname) {
    return this.#act("act_rename", {}, async () => {
      this.user = await this.#client.setProfile({ nickname });
      Object.assign(this, { screen: "home", need: this.need.filter((lacking) => lacking !== "profile") });
      this.#say(say("saved"));
    });
  }

  chooseAvatar() {
    return this.#act("act_avatar", {}, async () => {
      const chosen = await this.#question({ kind: "avatar" });
      if (chosen === "deny") return;
      const path = chosen instanceof Blob ? this.#take(chosen) : await this.#platformsPicture();
      this.user = await this.#client.setAvatar(path);
      this.#say(say("saved"));
    });
  }

  #take(file, path = `http://tmp/${file.name}`) {
    this.#phone.files.set(path, file);
    return path;
  }

  async #platformsPicture() {
    const { avatarUrl, file, type } = await tap(this.#place, "chooseAvatar");
    const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
    return this.#take(new Blob([bytes], { type }), avatarUrl);
  }

  checkSession() {
    return this.#act("act_check", {}, async () => {
      const isGood = await this.#client.checkSession();
      this.said = { ...this.said, check: say(isGood ? "key_good" : "key_renewed") };
    });
  }

  logout() {
    return this.#act("act_logout", {}, async () => {
      const isTold = await this.#client.logout();
      this.notice = { kind: "calm", title: "signed_out", more: isTold ? "signed_out_more" : "signed_out_untold" };
    });
  }

  /** The SDK tells once that a session is over, and by whose doing. */
  ended({ reason, error }) {
    dropToken(this.#phone);
    Object.assign(this, { user: null, need: [], sessions: null, said: {}, screen: "out", notice: null });
    if (error) {
      this.#question({ kind: "ended", reason, error }).then((answer) => answer === "allow" && this.login());
    }
    this.#phone.changed();
  }

  /** Resolves to what the person answers. One question at a time: a later one puts an earlier one away. */
  #question(asked) {
    this.#answer("deny");
    return new Promise((resolve) => {
      this.question = { ...asked, answer: resolve };
      this.#phone.changed();
    });
  }

  #answer(answer) {
    const { question } = this;
    this.question = null;
    question?.answer(answer);
  }

  /** The person has pressed a button of the question. */
  answer(answer) {
    this.#answer(answer);
    this.#phone.changed();
  }

  /** Something is done; what comes of it in vain is told to the person. */
  async #act(title, values, doing) {
    this.#phone.log.begin(title, values);
    this.notice = null;
    this.running += 1;
    this.#phone.changed();
    try {
      await doing();
    } catch (error) {
      this.#failed(error, () => this.#act(title, values, doing));
    } finally {
      this.running -= 1;
      this.#phone.changed();
    }
  }

  #failed(error, again) {
    if (this.question?.kind === "ended") return;
    if (error.code === "denied") return this.#say(error.message);
    if (this.user && !signedIn(this.#phone)) Object.assign(this, { user: null, screen: "out" });
    const isOffline = this.#phone.line.weather === "airplane";
    const isPassing = PASSING.includes(error.code);
    this.notice = {
      kind: "alarm",
      title: isPassing ? (isOffline ? "offline" : "no_answer_title") : null,
      more: isPassing ? (isOffline ? "offline_more" : "no_answer_more") : null,
      error,
      kept: signedIn(this.#phone),
      again: isPassing || error.action === "retry" ? again : null,
    };
  }

  #say(text) {
    this.toast = text;
    const mine = ++this.#toasts;
    setTimeout(() => {
      if (mine !== this.#toasts) return;
      this.toast = "";
      this.#phone.changed();
    }, 2200);
  }
}
