// What stands between a phone and menjin: it records, loses answers, and gives some of its own.

import http from 'node:http'

export class Front {
  /** Every request that came: `{method, path, headers, body, status}`. */
  seen = []
  /** Whether the app says `envelope = true`: then its answers are wrapped, as docs/http-api.md has it. */
  isEnveloped = false
  #faults = []

  /** Ends with the test `t`. */
  static async start(t, menjin) {
    const front = new Front()
    front.menjin = menjin
    const server = http.createServer((request, response) => front.#serve(request, response))
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    front.url = `http://127.0.0.1:${server.address().port}`
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    return front
  }

  /** The next `times` requests to `path` reach menjin, and their answers reach nobody. */
  lose(path, times = 1) {
    this.#faults.push({ path, times, lose: true })
  }

  /** The next `times` requests to `path` are answered here; `answer` may be a function of the request, and null lets it pass. */
  answer(path, answer, times = 1) {
    this.#faults.push({ path, times, answer: typeof answer === 'function' ? answer : () => answer })
  }

  /** Holds requests to `path` back until what is returned is called; then they are answered with `answer`, if that is given. */
  hold(path, answer) {
    let release
    const held = new Promise((resolve) => (release = resolve))
    this.#faults.push({ path, times: Infinity, held, answer: answer && (() => answer) })
    return release
  }

  /** Lets requests to `path` reach menjin, and holds the answers back until what is returned is called; or loses them then. */
  holdAnswers(path, { lose = false } = {}) {
    let release
    const answering = new Promise((resolve) => (release = resolve))
    this.#faults.push({ path, times: Infinity, answering, lose })
    return release
  }

  clear() {
    this.#faults = []
  }

  /** How many requests to `path` came. */
  count(path) {
    return this.at(path).length
  }

  at(path) {
    return this.seen.filter((it) => it.path === path)
  }

  async #serve(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const raw = Buffer.concat(chunks)
    const { method, url: path, headers } = request
    const one = { method, path, headers, raw, body: parsed(raw.toString()) }
    this.seen.push(one)
    const fault = this.#faults.find((it) => it.path === path && it.times > 0)
    if (fault) fault.times--
    if (fault?.held) await fault.held
    const own = await fault?.answer?.(one)
    if (own) {
      one.status = own.status
      response.writeHead(own.status, { 'content-type': 'application/json', ...own.headers })
      return response.end(typeof own.body === 'string' ? own.body : JSON.stringify(own.body ?? null))
    }
    const kept = Object.entries(headers).filter(([name]) => !/^(host|connection|content-length|transfer-encoding)$/.test(name))
    const answer = await fetch(this.menjin.url + path, {
      method,
      headers: Object.fromEntries(kept),
      body: method === 'GET' ? undefined : raw,
    })
    const text = await answer.text()
    one.status = answer.status
    if (fault?.answering) await fault.answering
    if (fault?.lose) return request.socket.destroy()
    const passed = ['content-type', 'www-authenticate', 'retry-after', 'x-request-id']
    const told = passed.filter((name) => answer.headers.has(name)).map((name) => [name, answer.headers.get(name)])
    response.writeHead(answer.status, Object.fromEntries(told))
    response.end(this.isEnveloped && text ? enveloped(answer, JSON.parse(text)) : text)
  }
}

function enveloped(answer, data) {
  const whole = answer.ok ? { code: 0, msg: '成功', data } : { code: data.code, msg: data.detail, data: null, action: data.action }
  return JSON.stringify(whole)
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A problem as menjin writes it. */
export function problem(status, code, action, headers = {}) {
  const body = { type: `/problems/${code}`, title: code, detail: `about ${code}`, status, code, action }
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body }
}
