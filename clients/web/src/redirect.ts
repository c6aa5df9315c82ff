// Signing in at the platform's own page: away and back, with PKCE. No token is ever in an address.

import { failure, type MenjinError } from '../../miniprogram/src/session/problem'

export interface Start {
  state: string
  verifier: string
  returnTo: string
  at: number
}

/** Somebody who leaves for so long begins anew. */
const LONGEST = 15 * 60_000

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

const secret = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

/** The address to go to, and what must be known when the person comes back. */
export async function begin(baseUrl: string, app: string, redirectUri: string, returnTo: string): Promise<[URL, Start]> {
  if (!crypto.subtle) throw new Error('sign-in by redirect needs https (or localhost): the browser gives no crypto.subtle here')
  const start = { state: secret(), verifier: secret(), returnTo, at: Date.now() }
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(start.verifier))
  const url = new URL(`${baseUrl}/v1/login/${app}/start`, location.href)
  url.searchParams.set('redirect_uri', redirectUri)
  url.searchParams.set('state', start.state)
  url.searchParams.set('code_challenge', base64url(new Uint8Array(digest)))
  url.searchParams.set('code_challenge_method', 'S256')
  return [url, start]
}

/** What an address brings back, and the address without it. */
export function arrived(address: string): { code: string; error: string; state: string; rest: string } | null {
  const url = new URL(address)
  const take = (name: string) => {
    const value = url.searchParams.get(name) ?? ''
    url.searchParams.delete(name)
    return value
  }
  const [state, code, error, description] = ['state', 'code', 'error', 'error_description'].map(take)
  if (!state || !(code || error)) return null
  return { code, error: description || error, state, rest: url.pathname + url.search + url.hash }
}

/** Whether it is this tab that left with that state. */
export function checked(start: Start | null, state: string, language: string): Start {
  const age = start ? Date.now() - start.at : 0
  if (!start || start.state !== state || age > LONGEST) throw refused('state_mismatch', language)
  return start
}

/** The platform or the person has refused, and the code is menjin's, as in docs/errors.md; or `state_mismatch`. */
export function refused(code: string, language: string): MenjinError {
  const message = language.startsWith('zh') ? '登录未完成，请重试' : 'The sign-in was not finished: try again'
  const problem = /^\w+$/.test(code) ? code : 'denied'
  return failure(message, { code: problem, action: 'relogin', title: message, status: 0, cause: code })
}

/** A path of this very site: what an address says may be anybody's. */
export function ownPath(given: string | null, otherwise = '/'): string {
  if (!given) return otherwise
  try {
    const url = new URL(given, location.origin)
    // `/.//other.site` is a path of ours whose own text is an address of somebody else's.
    const isPath = given.startsWith('/') && !url.pathname.startsWith('//')
    if (url.origin === location.origin && isPath) return url.pathname + url.search + url.hash
  } catch {}
  return otherwise
}
