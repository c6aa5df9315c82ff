// The one check that every protected request passes: form, key, signature, kind, issuer, audience, times, ends, freshness.

import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { Calls } from './calls.js'
import { Caller } from './caller.js'
import { Ended } from './ended.js'
import { Feed } from './feed.js'
import { Keys } from './keys.js'
import { Legacy } from './legacy.js'
import { MoreRoles } from './more_roles.js'
import { Refusal } from './refusal.js'
import { Session } from './session.js'
import { settled } from './settings.js'
import { checked, tokenOf } from './source.js'

/** A request that comes before the feed was ever read waits so long for it. */
const FIRST_READ = 3_000
const REQUIRED = ['exp', 'iat', 'sub', 'sid', 'client_id']

export class Verifier {
  #settings
  #keys
  #calls
  #ended
  #feed
  #legacy
  #moreRoles

  constructor(options) {
    const settings = settled(options)
    const { fetch, now, log } = settings
    this.#settings = settings
    this.#calls = new Calls(settings)
    this.#keys = new Keys({ url: settings.jwksUrl, maxStale: settings.maxStale, fetch, now, log })
    this.#ended = new Ended(settings.maxLag)
    this.#feed = settings.feed && new Feed({ calls: this.#calls, ended: this.#ended, keys: this.#keys, now, log })
    this.#legacy = new Legacy(settings.legacy, settings)
    this.#moreRoles = new MoreRoles(settings)
  }

  /** Who sends these headers: a `Headers`, or an object of strings or lists, best `request.headersDistinct`. */
  async check(headers) {
    return this.verify(tokenOf(headers, this.#settings))
  }

  /** Whom this token names. Throws a Refusal. */
  async verify(token) {
    try {
      const { caller, kid } = await this.#verified(checked(token))
      await this.#inForce(caller, kid)
      return caller
    } catch (error) {
      if (error instanceof Refusal) this.#settings.log.debug(`a token is refused: ${error.message}`)
      throw error
    }
  }

  /** The session data that goes with a token which was verified before, or comes from `openSession`. */
  sessionData(token, { scope = 'session' } = {}) {
    const { sid = null } = claimsOf(checked(token))
    return new Session(sid, { calls: this.#calls, token, scope })
  }

  /**
   * Signs in somebody whom this program has authenticated itself; gives what a sign-in at menjin answers.
   *
   * @param {Record<string, unknown>} person `{ user | number | external_id | identity, app, device?, claims? }`
   */
  async openSession(person, { idempotencyKey } = {}) {
    const headers = idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}
    const { answer } = await this.#calls.ask('POST', '/v1/sessions', { headers, body: person })
    return answer
  }

  /** Reads keys and feed before the first request does; an error says what keeps it from serving. */
  async ready({ timeout = 10_000 } = {}) {
    const unread = this.#feed && !(await this.#feed.firstRead(timeout))
    if (unread) throw new Error(`menjin's feed of ended sessions can't be read: ${this.#feed.failure}`)
    await this.#keys.ready()
  }

  /** Ends the feed, so that the program can end. */
  async close() {
    if (this.#feed) await this.#feed.close()
  }

  async #verified(token) {
    const header = headerOf(token)
    if (header.crit !== undefined || header.b64 !== undefined) throw new Refusal('token_invalid', { reason: 'it needs an extension' })
    if (this.#legacy.knows(header)) return this.#old(token)
    const key = typeof header.kid === 'string' ? await this.#keys.find(header.kid) : undefined
    if (!key) throw new Refusal('token_invalid', { reason: 'its key is unknown' })
    const said = await this.#signed(token, header, key)
    // What is known here already is not asked for, and holds while menjin is down.
    if (said.more_roles === true) await this.#inForce({ claims: said }, header.kid)
    const claims = await this.#moreRoles.added(token, said)
    const session = new Session(claims.sid, { calls: this.#calls, token })
    return { caller: new Caller({ claims, session }), kid: header.kid }
  }

  async #old(token) {
    const { name, user, claims } = await this.#legacy.verify(token)
    return { caller: new Caller({ claims, legacy: { name, ...user } }) }
  }

  async #signed(token, { typ }, { alg, key }) {
    const { issuer, audience, leeway, now, acceptJwtTyp } = this.#settings
    const isJwt = acceptJwtTyp && /^jwt$/i.test(typ ?? '')
    const expected = {
      algorithms: [alg],
      issuer,
      audience,
      typ: isJwt ? 'JWT' : 'at+jwt',
      clockTolerance: leeway / 1000,
      currentDate: new Date(now()),
      requiredClaims: REQUIRED,
    }
    const { payload } = await jwtVerify(token, key, expected).catch((error) => {
      throw refusalOf(error)
    })
    if (isJwt && payload.token_use !== 'access') throw new Refusal('token_invalid', { reason: 'another kind of token' })
    const texts = ['iss', 'sub', 'sid', 'client_id']
    if (texts.some((claim) => typeof payload[claim] !== 'string' || payload[claim] === '')) {
      throw new Refusal('token_invalid', { reason: 'a claim is of the wrong type' })
    }
    return payload
  }

  async #inForce({ claims, legacy }, kid) {
    if (!this.#feed) return
    if (!this.#ended.wasRead) await this.#feed.firstRead(FIRST_READ)
    if (this.#ended.isRevoked(kid)) throw new Refusal('token_invalid', { reason: 'its key was revoked' })
    // Of an old token only the session is menjin's to end, where it names one.
    const subject = legacy ? { sid: claims.sid } : claims
    const code = this.#ended.refusalFor(subject)
    if (code) throw new Refusal(code)
    if (this.#ended.outdates(legacy ? {} : claims)) throw new Refusal('token_expired', { reason: 'roles have changed' })
    if (this.#ended.isStale(this.#settings.now())) {
      throw new Refusal('revocations_stale', { reason: this.#feed.failure })
    }
  }
}

/** @param {ConstructorParameters<typeof Verifier>[0]} options */
export function createVerifier(options) {
  return new Verifier(options)
}

function headerOf(token) {
  try {
    return decodeProtectedHeader(token)
  } catch {
    throw new Refusal('token_invalid', { reason: 'not a JWT' })
  }
}

/** Unverified: menjin checks it, and here it is a name only. */
function claimsOf(token) {
  try {
    return Object(JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString()))
  } catch {
    throw new Refusal('token_invalid', { reason: 'not a JWT' })
  }
}

function refusalOf(error) {
  if (error instanceof errors.JWTExpired) return new Refusal('token_expired')
  if (error instanceof errors.JOSEError) return new Refusal('token_invalid', { reason: error.message })
  return error
}
