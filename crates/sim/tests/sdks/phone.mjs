// What the mini program gets from WeChat's client on alice's phone. The simulator itself is asked directly, without the proxy.

import http from "node:http";

export const [simulator, appid, secret, account] = process.argv.slice(2);

export function onPhone(call, more = {}) {
  const body = JSON.stringify({ person: "alice", appid, ...more });
  return new Promise((resolve, reject) => {
    const request = http.request(`${simulator}/_sim/wx/${call}`, { method: "POST", agent: new http.Agent() }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part)).on("end", () => resolve(JSON.parse(text)));
    });
    request.on("error", reject).end(body);
  });
}

// Some SDKs keep timers that would keep the program.
export function learnt(facts) {
  process.stdout.write(JSON.stringify(facts), () => process.exit(0));
}

setTimeout(() => process.exit(3), 60_000).unref();
