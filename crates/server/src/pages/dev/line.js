// A phone's line to everybody else: its weather, and a record of all that went over it. Does not: know what a request means.

/** How long each way takes when the network is slow, in milliseconds. */
const WAY = 900;

export const WEATHERS = ["good", "slow", "lose_one", "lose_all", "airplane"];

/** No answer came. */
class Away extends Error {
  code = "network";
}

export class Line {
  weather = "good";
  /** Tokens whose time is over, by those that the program still holds for good. */
  aged = {};
  #record;
  #changed;

  constructor(record, changed) {
    this.#record = record;
    this.#changed = changed;
  }

  /**
   * Sends once; the answer, or a refusal whose message says why there is none: `airplane`, `lost`, `gone`. What comes from
   * `outside` has no weather, and its answer may be nothing.
   */
  async send({ method = "POST", path, headers = {}, body, outside = false, ...rest }) {
    const sent = { method, path, headers: this.#aged(headers), body, ...rest };
    const began = performance.now();
    const done = (answer, away) => {
      this.#record({ ...sent, answer, away, began, ms: performance.now() - began });
      if (away) throw new Away(away);
      return answer;
    };
    if (outside) return done(await fetched(sent));
    if (this.weather === "airplane") return done(null, "airplane");
    await this.#way();
    const answer = await fetched(sent);
    await this.#way();
    if (!answer) return done(null, "gone");
    return this.#loses(path) ? done(answer, "lost") : done(answer);
  }

  #way() {
    return this.weather === "slow" ? new Promise((resolve) => setTimeout(resolve, WAY)) : null;
  }

  /** Whoever boards a plane while an answer is on its way does not get it either. */
  #loses(path) {
    if (this.weather === "airplane") return true;
    if (!path.startsWith("/v1/") || !this.weather.startsWith("lose")) return false;
    if (this.weather === "lose_one") {
      this.weather = "good";
      this.#changed();
    }
    return true;
  }

  #aged(headers) {
    const name = Object.keys(headers).find((name) => name.toLowerCase() === "authorization");
    const aged = name && this.aged[headers[name].slice("Bearer ".length)];
    return aged ? { ...headers, [name]: `Bearer ${aged}` } : headers;
  }
}

async function fetched({ method, path, headers, body }) {
  try {
    const response = await fetch(path, { method, headers, body, cache: "no-store" });
    const text = await response.text();
    const type = response.headers.get("content-type");
    const json = /json/.test(type ?? "") ? JSON.parse(text) : undefined;
    return { status: response.status, type, text, json, headers: Object.fromEntries(response.headers) };
  } catch {
    return null;
  }
}
