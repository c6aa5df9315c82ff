// A phone as it is seen: the phone itself, the world around it, what went over its line, its token. Buttons to acts, and what the
// phone holds to what is shown.

import { draw, el, find, PEOPLE, rich } from "./dom.js";
import * as outside from "./outside.js";
import { WEATHERS } from "./line.js";
import { Screens } from "./screens.js";
import { TokenPanel } from "./token.js";
import { say, timeOfDay } from "./words.js";

const ANOTHER = "\n";

export class Station {
  #phone;
  #root;
  #screens;
  #token;
  #world;

  /** `world` is what stations share: apps, people, and what is done with a phone as a whole. */
  constructor(phone, world) {
    const root = find("station").content.cloneNode(true).firstElementChild;
    Object.assign(this, { root });
    this.#phone = phone;
    this.#root = root;
    this.#world = world;
    root.dataset.phone = phone.number;
    this.#token = new TokenPanel(this.find(".token"));
    this.#screens = new Screens(phone, root, this.#world);
    this.find(".log").append(phone.log.box);
    phone.log.onChange = () => this.#showLog();
    this.find(".weather div").append(...WEATHERS.map((weather) => this.#weather(weather)));
    this.#listen();
  }

  find(css) {
    return this.#root.querySelector(css);
  }

  /** Whether the token has no column of its own. */
  isNarrow() {
    return this.#root.clientWidth < 1100;
  }

  fold() {
    this.find(".token").open = false;
  }

  #listen() {
    const phone = this.#phone;
    const on = (css, doing) => this.find(css).addEventListener("click", doing);
    on(".remove", () => this.#world.remove(phone));
    on(".beside", () => this.#world.add(phone));
    for (const name of ["expire", "refresh", "kick", "restart", "replay"]) {
      on(`.outside .${name}`, () => outside[name === "refresh" ? "sleep" : name](phone));
    }
    on(".clear", () => {
      phone.log.clear();
      phone.log.box.focus();
    });
    this.find("select.app").addEventListener("change", (event) => phone.become(phone.person, event.target.value));
    this.find("select.person").addEventListener("change", (event) => this.#choose(event.target.value));
    this.find(".newcomer").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = this.find(".newcomer input").value.trim();
      if (name) this.#choose(name);
    });
  }

  #choose(person) {
    const form = this.find(".newcomer");
    form.hidden = person !== ANOTHER;
    if (person === ANOTHER) return form.firstElementChild.focus();
    if (!form.contains(document.activeElement)) form.firstElementChild.value = "";
    this.#world.meet(person);
    this.#phone.become(person, this.#phone.app.id);
    this.find("select.person").focus();
  }

  #weather(name) {
    const radio = el("input", {
      type: "radio", name: `weather-${this.#phone.number}`, value: name,
      change: () => {
        this.#phone.line.weather = name;
        this.#phone.changed();
      },
    });
    return el("label", { class: name }, radio, el("b", { "data-t": `weather_${name}` }));
  }

  /** Everything that may have changed. */
  show() {
    const phone = this.#phone;
    const isIn = outside.signedIn(phone);
    this.find(".owner h2").textContent = say("phone_n", { number: phone.number });
    this.find(".phone").setAttribute("aria-label", say("phone_of", { number: phone.number, person: phone.person }));
    draw(this.find("select.person"), [this.#world.people(), phone.person], () => this.#showPeople());
    draw(this.find("select.app"), phone.app.id, () => this.#showApps());
    this.find(".remove").hidden = this.#world.count() < 2;
    this.find(".beside").disabled = this.#world.isFull();
    for (const button of this.#root.querySelectorAll("[data-signed-in]")) button.disabled = !isIn;
    this.find(".replay").disabled = !phone.log.lastCode;
    const { weather } = phone.line;
    this.find(`.weather [value=${weather}]`).checked = true;
    draw(this.find(".weather p"), weather, () => this.find(".weather p").replaceChildren(...rich(say(`weather_${weather}_more`))));
    this.#root.dataset.weather = weather;
    this.#screens.show();
    this.#token.show(phone.accessToken(), phone.tokens());
    this.#root.toggleAttribute("data-busy", phone.program.running > 0 && !phone.program.question);
    this.#showLog();
  }

  #showPeople() {
    const people = [...new Set([...PEOPLE, ...this.#world.people(), this.#phone.person])];
    const options = people.map((name) => el("option", { value: name }, name));
    this.find("select.person").replaceChildren(...options, el("option", { value: ANOTHER }, say("another_person")));
    this.find("select.person").value = this.#phone.person;
  }

  #showApps() {
    const options = this.#world.apps.map((app) => el("option", { value: app.id }, `${say(app.platform)} · ${app.id}`));
    this.find("select.app").replaceChildren(...options);
    this.find("select.app").value = this.#phone.app.id;
  }

  #showLog() {
    const { isEmpty } = this.#phone.log;
    this.find(".empty").hidden = !isEmpty;
    this.find(".clear").hidden = isEmpty;
  }

  /** In another language. The program speaks it from its next start on, and so starts. */
  speak() {
    this.#phone.start();
    this.#phone.log.show();
  }

  tick() {
    this.find(".clock").textContent = timeOfDay(Date.now(), false);
    this.#token.tick();
  }
}
