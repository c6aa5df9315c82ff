// A menjin of paper: tokens of our own making, the keys that go with them, and a clock that tests move.

import { SignJWT, exportJWK, generateKeyPair } from 'jose'

export const ISSUER = 'https://login.example.com'
export const USER = 'usr_01m7z2628t5r27wp7zz0n3na6z'
export const SESSION = 'ses_01m7z2628tdfch6sbzfkrcmqta'

export class Mint {
  keys = []
  fetches = 0
  away = false
  at = Date.UTC(2026, 10, 21, 12)

  static async open(alg = 'ES256') {
    const mint = new Mint()
    await mint.rotate('first', alg)
    return mint
  }

  async rotate(kid, alg = 'ES256') {
    const pair = await generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' }
    this.keys.push({ kid, alg, jwk, ...pair })
  }

  get now() {
    return () => this.at
  }

  /** In the place of the network: the keys, and nothing else. */
  get fetch() {
    return async (url) => {
      this.fetches += 1
      if (this.away) throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } })
      if (!String(url).endsWith('/.well-known/jwks.json')) return new Response('', { status: 404 })
      const headers = { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' }
      return new Response(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }), { headers })
    }
  }

  get options() {
    return { issuer: ISSUER, audience: 'shop', feed: false, fetch: this.fetch, now: this.now }
  }

  get claims() {
    const iat = Math.floor(this.at / 1000)
    return {
      iss: ISSUER,
      aud: ['shop', ISSUER],
      sub: USER,
      sid: SESSION,
      client_id: 'shop',
      iat,
      exp: iat + 900,
      auth_time: iat,
      amr: ['wechat'],
      jti: 'j',
    }
  }

  /** A token as menjin makes it, but for what is said here; a claim that is `undefined` is left out. */
  async token(claims = {}, header = {}) {
    const { kid, alg, privateKey } = this.keys.at(-1)
    const payload = Object.fromEntries(
      Object.entries({ ...this.claims, ...claims }).filter(([, value]) => value !== undefined),
    )
    return new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(privateKey)
  }
}
