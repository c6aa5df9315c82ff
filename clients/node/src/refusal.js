// Refusals, and how they are answered: status, WWW-Authenticate (RFC 6750 section 3), problem JSON (RFC 9457).
// Does not: tell the client how something was found out; `reason` is for the log.

import { WORDS, language } from './words.js'

const RETRY_SECONDS = '2'

/** Why a request does not get through. hapi takes it for a Boom: `output` is the whole answer, for all others too. */
export class Refusal extends Error {
  /**
   * @param {string} code
   * @param {{ reason?: string, scope?: string, action?: string, told?: Record<string, any> }} [more] `told` is the problem
   *   that menjin answered with.
   */
  constructor(code, { reason = '', scope, action, told = {} } = {}) {
    super(reason ? `${code}: ${reason}` : code)
    this.name = 'Refusal'
    this.isBoom = true
    this.isServer = false
    const known = WORDS[code]
    this.code = code
    this.status = known?.status ?? told.status ?? 401
    this.action = action ?? known?.action ?? told.action ?? 'relogin'
    this.scope = scope
    this.told = told
    this.output = this.#answer('en')
  }

  /** What menjin itself refused with: its words where we have none, and what else it told. */
  static from(problem) {
    return new Refusal(problem.code, { told: problem })
  }

  /** The same refusal, in the language that the client asked for. */
  in(acceptLanguage) {
    this.output = this.#answer(language(acceptLanguage))
    return this
  }

  /** The body. */
  get problem() {
    return this.output.payload
  }

  /** Koa's word for whether the message may be shown. */
  get expose() {
    return false
  }

  /** Boom's, after a change of its fields: there is nothing to do. */
  reformat() {}

  #answer(chosen) {
    const headers = {
      'content-type': 'application/problem+json; charset=utf-8',
      'cache-control': 'no-store',
      'content-language': chosen === 'zh' ? 'zh-CN' : 'en',
      vary: 'Accept-Language',
    }
    const challenge = this.#challenge()
    // In Boom's spelling, by which hapi collects it where several strategies found nothing.
    if (challenge) headers['WWW-Authenticate'] = challenge
    if (this.status === 503) headers['retry-after'] = RETRY_SECONDS
    return { statusCode: this.status, headers, payload: this.#problem(chosen) }
  }

  #problem(chosen) {
    const { title = this.code, detail = '', replaced_by } = this.told
    const words = WORDS[this.code]?.[chosen] ?? [title, detail]
    return {
      type: `/problems/${this.code}`,
      title: words[0],
      status: this.status,
      detail: words[1],
      code: this.code,
      action: this.action,
      ...(replaced_by && { replaced_by }),
    }
  }

  #challenge() {
    if (this.code === 'token_missing') return 'Bearer realm="menjin"'
    if (this.code === 'insufficient_scope') {
      const scope = String(this.scope ?? '').replace(/[^ !#-[\]-~]/g, '')
      return `Bearer realm="menjin", error="insufficient_scope", scope="${scope}"`
    }
    if (this.status !== 401) return undefined
    const title = WORDS[this.code]?.en[0] ?? 'Refused'
    return `Bearer realm="menjin", error="invalid_token", error_description="${title}"`
  }
}

/** menjin refused this program itself, or what it asked for: not the fault of whoever sent the request. */
export class MenjinError extends Error {
  constructor(what, status, problem) {
    const { code = 'unknown', detail = '' } = problem
    super(`${what}: ${status} ${code}${detail && `: ${detail}`}`)
    this.name = 'MenjinError'
    this.code = code
    this.answer = { status, problem }
  }
}
