// The page: phones side by side, the language, and what all phones share.

import { find, PEOPLE, rich } from "./dom.js";
import { keep, kept, Phone } from "./phone.js";
import { Station } from "./station.js";
import { chooseLanguage, currentLanguage, languageTag, say } from "./words.js";

/** More do not fit beside each other. */
const MOST = 4;

const FIRST = { person: PEOPLE[0] };

const stations = new Map();
let info = null;
let met = [];
let isDue = false;
/** Whose telephone number was asked for. */
const asked = new Set();

const world = {
  apps: [],
  people: () => met.map(({ person }) => person),
  meet: (person) => {
    if (!world.people().includes(person)) met.push({ person });
  },
  numberOf: (person) => met.find((it) => it.person === person)?.phone?.number.replace(/^(\d{3})\d{4}/, "$1 **** "),
  /** Pictures that menjin keeps are asked for here, whatever name it goes by. */
  pictureOf: ({ avatar_url: url }) => (url?.startsWith(`${info.issuer}/`) ? url.slice(info.issuer.length) : url?.startsWith("https://") ? url : null),
  count: () => stations.size,
  isFull: () => stations.size >= MOST,
  /** One more, for the same person and program. */
  add: (like) => {
    const phone = put(like ? { person: like.person, app: like.app.id } : { person: stranger() });
    fold();
    changed();
    const { root } = stations.get(phone);
    root.querySelector(".phone").scrollIntoView({ block: "nearest" });
    root.querySelector(".login").focus({ preventScroll: true });
  },
  remove: (phone) => {
    phone.program.close();
    stations.get(phone).root.remove();
    stations.delete(phone);
    changed();
    find("add").focus();
  },
};

/** Somebody who has no phone here. */
function stranger() {
  const taken = [...stations.keys()].map((phone) => phone.person);
  return PEOPLE.find((person) => !taken.includes(person)) ?? PEOPLE[0];
}

/** Where there is no room beside each other, tokens are opened on demand. */
function fold() {
  for (const station of stations.values()) if (station.isNarrow()) station.fold();
}

/** The lowest number that is free. */
function put(kept) {
  const taken = [...stations.keys()].map((phone) => phone.number);
  const number = Array.from({ length: MOST }, (_, index) => index + 1).find((number) => !taken.includes(number));
  const phone = new Phone(number, kept, { apps: world.apps, changed });
  const station = new Station(phone, world);
  stations.set(phone, station);
  find("phones").append(station.root);
  words(station.root);
  station.tick();
  return phone;
}

/** Draws once, however much has changed until then. */
function changed() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    keep([...stations.keys()]);
    show();
  });
}

/** Who has signed in is known to the simulator, with a number. */
async function meetAgain() {
  const strangers = [...stations.keys()].filter((phone) => phone.tokens() && !world.numberOf(phone.person) && !asked.has(phone.person));
  if (strangers.length === 0) return;
  for (const { person } of strangers) asked.add(person);
  const answer = await fetch("/dev/people").catch(() => null);
  if (!answer?.ok) return;
  const known = (await answer.json()).people;
  met = [...known, ...met.filter(({ person }) => !known.some((it) => it.person === person))];
  changed();
}

function show() {
  meetAgain();
  find("phones").dataset.count = stations.size;
  find("add").disabled = world.isFull();
  for (const station of stations.values()) station.show();
}

function speak(language) {
  chooseLanguage(language);
  words(document);
  for (const station of stations.values()) station.speak();
  showPlaces();
  changed();
}

/** The words that stand still. */
function words(part) {
  document.documentElement.lang = languageTag();
  for (const element of part.querySelectorAll("[data-t]")) element.replaceChildren(...rich(say(element.dataset.t)));
  for (const element of part.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", say(element.dataset.tLabel));
  for (const element of part.querySelectorAll("[data-t-placeholder]")) element.setAttribute("placeholder", say(element.dataset.tPlaceholder));
  for (const language of ["zh", "en"]) find(`lang-${language}`).setAttribute("aria-pressed", String(language === currentLanguage()));
}

function showPlaces() {
  if (!info) return;
  find("simulator").href = new URL("/_sim/", info.simulator).href;
  find("sites").hidden = !info.apps.some((app) => app.kind === "web");
  const values = { version: info.version, issuer: info.issuer, audience: info.app?.audience, backend: info.backend };
  find("about").replaceChildren(...rich(say("about", values)));
}

async function start() {
  words(document);
  find("lang-zh").addEventListener("click", () => speak("zh"));
  find("lang-en").addEventListener("click", () => speak("en"));
  find("add").addEventListener("click", () => world.add());
  try {
    info = await (await fetch("/dev/info")).json();
    met = (await (await fetch("/dev/people")).json()).people ?? [];
  } catch {
    find("unreachable").hidden = false;
    return;
  }
  world.apps = info.apps.filter((app) => app.kind === "mini_program");
  showPlaces();
  const phones = (kept().length > 0 ? kept() : [FIRST]).slice(0, MOST).map(put);
  show();
  fold();
  setInterval(() => stations.forEach((station) => station.tick()), 1000);
  for (const phone of phones) if (phone.tokens()) phone.program.resume();
}

await start();
