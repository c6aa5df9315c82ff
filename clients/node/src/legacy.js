// Tokens of the system that menjin takes the place of (HS256), good until a date. Key and algorithm are the entry's, and a
// token without `exp` is none.
// Does not: accept an algorithm or a key that the token names.

import { errors, jwtVerify } from 'jose'
import { Refusal } from './refusal.js'

/** RFC 7518 section 3.2 wants as much; the old system may not have known. */
const GOOD_SECRET = 32
const KINDS = ['number', 'external_id']
// simplejwt says `token_type` and Cognito `token_use`, which mean nothing else; Flask-JWT-Extended says `type` and Keycloak
// `typ`, which may.
const FOR_ACCESS = ['access', 'sliding', 'bearer', 'jwt']
const FOR_ELSE = ['refresh', 'id', 'offline']

export class Legacy {
  #entries

  constructor(entries, { leeway, now, log }) {
    Object.assign(this, { leeway, now })
    this.#entries = entries.map((entry) => settled(entry, log))
  }

  /** Whether a token with this header is one for here. */
  knows({ alg, typ }) {
    return this.#entries.length > 0 && alg === 'HS256' && (typ === undefined || /^jwt$/i.test(typ))
  }

  /** Whom it names: `{ name, user, claims }`, `user` being `{ number }` or `{ externalId }`. */
  async verify(token) {
    const now = this.now()
    for (const entry of this.#entries) {
      const claims = await this.#signedBy(entry, token)
      if (!claims) continue
      if (!isForAccess(claims)) throw new Refusal('token_invalid', { reason: `a token of ${entry.name} not for access` })
      if (now >= entry.until) throw new Refusal('token_invalid', { reason: `${entry.name} tokens are over` })
      return { name: entry.name, user: entry.named(claims), claims }
    }
    throw new Refusal('token_invalid', { reason: 'no legacy entry has signed it' })
  }

  async #signedBy(entry, token) {
    try {
      const { payload } = await jwtVerify(token, entry.key, {
        algorithms: ['HS256'],
        requiredClaims: ['exp'],
        clockTolerance: this.leeway / 1000,
        currentDate: new Date(this.now()),
      })
      return payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return null
      // No refresh token goes with it, so a fresh sign-in is what helps.
      if (error instanceof errors.JWTExpired) throw new Refusal('token_expired', { action: 'relogin' })
      throw new Refusal('token_invalid', { reason: error.message })
    }
  }
}

function settled({ name, secret, userClaim = 'userId', user = 'number', until }, log) {
  const end = until instanceof Date ? until.getTime() : Date.parse(until)
  if (!name) throw new TypeError('legacy: each entry needs a name')
  if (typeof secret !== 'string' || secret === '') throw new TypeError(`legacy ${name}: secret is missing`)
  if (secret.includes('-----BEGIN ')) {
    throw new TypeError(`legacy ${name}: secret is a public key, with which anybody can sign: only HS256 is taken`)
  }
  if (Number.isNaN(end)) throw new TypeError(`legacy ${name}: until must be a date, such as "2027-03-31T00:00:00Z"`)
  if (!KINDS.includes(user)) throw new TypeError(`legacy ${name}: user must be "number" or "external_id"`)
  const key = new TextEncoder().encode(secret)
  if (key.length < GOOD_SECRET) log.warn(`legacy ${name}: a secret of ${key.length} bytes can be guessed; end it soon`)
  return { name, key, until: end, named: (claims) => named(claims[userClaim], user, userClaim) }
}

/** Old systems sign refresh tokens, ID tokens and links in mails with the same key, and some live for months. */
function isForAccess(claims) {
  const text = (value) => (typeof value === 'string' ? value.toLowerCase() : '')
  const said = (names) => names.filter((name) => name in claims).map((name) => text(claims[name]))
  const isElse = said(['type', 'typ']).some((kind) => FOR_ELSE.includes(kind))
  return !isElse && said(['token_type', 'token_use']).every((kind) => FOR_ACCESS.includes(kind))
}

function named(value, user, claim) {
  const invalid = () => new Refusal('token_invalid', { reason: `the claim ${claim} names nobody` })
  if (user === 'number') {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (!Number.isSafeInteger(number) || number < 0) throw invalid()
    return { number }
  }
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || text === '') throw invalid()
  return { externalId: text }
}
