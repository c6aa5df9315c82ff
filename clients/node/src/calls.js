// What this program asks of menjin as the app that it is: HTTP Basic (RFC 6749 section 2.3.1), JSON, bounds in time and size.
// Does not: know any route.

import { because, text } from './bounded.js'
import { MenjinError, Refusal } from './refusal.js'

const DEADLINE = 10_000
const MOST_BYTES = 1024 * 1024
/** About us, not about the person whose token it was. */
const OURS = ['client_invalid', 'app_unknown']

export class Calls {
  constructor({ url, app, fetch, log }) {
    Object.assign(this, { url, fetch, log })
    this.basic = app && `Basic ${Buffer.from(`${formed(app.id)}:${formed(app.secret)}`).toString('base64')}`
  }

  /** The headers that say which app we are. */
  identified(what) {
    if (!this.basic) throw new Error(`${what} needs \`app: { id, secret }\` in createVerifier: which back end this is`)
    return { authorization: this.basic }
  }

  /**
   * A call whose answer is good (2xx) or has one of the statuses in `also`. What concerns the person is thrown as a
   * Refusal, and so is menjin being away (503); what is wrong with us or with what we ask, as a MenjinError.
   *
   * @param {string} method
   * @param {string} path
   * @param {{ headers?: Record<string, string>, body?: unknown, text?: string, also?: number[] }} [more] `text` is a body that is
   *   JSON already
   */
  async ask(method, path, { headers = {}, body, text: json = JSON.stringify(body), also = [] } = {}) {
    const what = `${method} ${path.split('?')[0]}`
    const sent = { ...this.identified(what), accept: 'application/json', ...headers }
    if (json !== undefined) sent['content-type'] = 'application/json'
    const { response, answer, written } = await this.#answered(path, { method, headers: sent, body: json }, what)
    if (response.ok || also.includes(response.status)) {
      return { status: response.status, etag: response.headers.get('etag'), answer, written }
    }
    if (response.status === 401 && typeof answer.code === 'string' && !OURS.includes(answer.code)) {
      throw Refusal.from(answer)
    }
    if (response.status === 429 || response.status >= 500) {
      throw new Refusal('menjin_unavailable', { reason: `${what}: ${response.status} ${answer.code ?? ''}` })
    }
    throw new MenjinError(what, response.status, answer)
  }

  async #answered(path, request, what) {
    try {
      const signal = AbortSignal.timeout(DEADLINE)
      const response = await this.fetch(this.url + path, { ...request, signal, redirect: 'error' })
      const written = await text(response, MOST_BYTES, signal)
      return { response, written, answer: written === '' ? {} : parsed(written, response) }
    } catch (error) {
      this.log.warn(`menjin can't be asked (${what}): ${because(error)}`)
      throw new Refusal('menjin_unavailable', { reason: because(error) })
    }
  }
}

/** A refusal of something between us and menjin need not be JSON. */
function parsed(body, response) {
  try {
    return Object(JSON.parse(body))
  } catch (error) {
    if (response.ok) throw error
    return {}
  }
}

/** As in a form, so that any character may stand in an id or a secret. */
function formed(value) {
  return new URLSearchParams([['', value]]).toString().slice(1)
}
