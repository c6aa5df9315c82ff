// A phone: whose it is, which mini program is open on it, what that one has stored, its line, and the SDK in the program's hands.
// Does not: draw (`station.js`), or decide what the program does (`program.js`).

import { Line } from "./line.js";
import { Log } from "./log.js";
import { Program } from "./program.js";
import { languageTag, say } from "./words.js";
import { platformOf } from "./wx.js";

const KEPT = "menjin.dev.phones";

/** The SDK, from the very file that mini programs put into `utils/`. */
const { createClient } = globalThis.menjin;

export class Phone {
  files = new Map();
  log = new Log(() => this.app.platform);
  #stores;
  #apps;

  /** `kept` is what `keep` wrote; `changed` is called whenever the phone should look different. */
  constructor(number, kept, { apps, changed }) {
    Object.assign(this, { number, changed, person: kept.person });
    this.#stores = kept.stores ?? {};
    this.#apps = apps;
    this.app = apps.find((app) => app.id === kept.app) ?? apps[0];
    this.line = new Line((request) => this.log.add(request), changed);
    Object.assign(this.line, { aged: kept.aged ?? {} });
    this.start();
  }

  /** Opens the program: what it remembered is gone, what it stored is not. */
  start() {
    const place = this.#place();
    const client = createClient({ baseUrl: location.origin, app: this.app.id, platform: platformOf(place), language: languageTag() });
    const program = new Program(this, { client, place });
    client.onSessionEnd((end) => program.ended(end));
    this.program?.close();
    Object.assign(this, { client, place, program });
  }

  /** What a program gets of the phone: it keeps it to its end, though somebody else has taken the phone meanwhile. */
  #place() {
    const { person, app, line, files } = this;
    const name = `${app.id} ${person}`;
    const storage = () => this.#stores[name] ?? {};
    const store = (key, value) => {
      this.#stores[name] = { ...storage(), [key]: value };
      this.changed();
    };
    return { person, app, line, files, storage, store, language: languageTag, model: () => say("phone_n", { number: this.number }) };
  }

  /** Somebody else takes the phone, or another program is opened on it. */
  become(person, appId) {
    this.person = person;
    this.app = this.#apps.find((app) => app.id === appId) ?? this.app;
    this.start();
    this.changed();
  }

  /** What the SDK has stored of a session that lives, for the curious. */
  tokens() {
    const kept = this.place.storage()[`menjin.${this.app.id}`];
    return kept?.access_token ? kept : null;
  }

  /** The access token that goes over the line. */
  accessToken() {
    const held = this.tokens()?.access_token;
    return this.line.aged[held] ?? held;
  }

  kept() {
    const { person, app, line } = this;
    const held = this.tokens()?.access_token;
    const aged = line.aged[held] ? { [held]: line.aged[held] } : {};
    return { person, app: app.id, stores: this.#stores, aged };
  }
}

/** Phones survive a reload of the page; another tab has others. */
export function keep(phones) {
  sessionStorage.setItem(KEPT, JSON.stringify(phones.map((phone) => phone.kept())));
}

export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}
