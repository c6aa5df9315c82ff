// An interceptor for axios: the token on its way out, and one place for refusals on their way back.

import { problemOf } from '../../miniprogram/src/session/problem'
import { isOurs, type Kept } from '../../miniprogram/src/session/session'
import type { Client } from './client'

/** The parts of axios that are used. */
export interface AxiosLike {
  defaults: { baseURL?: string }
  request(config: any): Promise<any>
  interceptors: {
    request: { use(then: (config: any) => any): number; eject(id: number): void }
    response: { use(then: (response: any) => any, failed: (error: any) => any): number; eject(id: number): void }
  }
}

export interface Refusals {
  /** Where people sign in: they are sent there with `?redirect=` and the path they were at, once. */
  loginPage?: string
  /** Instead of going there. */
  onUnauthorized?(error: unknown): void
  onForbidden?(error: unknown): void
  onNotFound?(error: unknown): void
  /** Every other refusal, also a 401 that is not about the session, and a network that is away; no request that was given up. */
  onError?(error: unknown): void
  /** Origins beside this site's, `baseUrl`'s and the instance's own that get the token. Others never do. */
  origins?: string[]
}

/** What a request to an origin of ours was sent with; without `used` nobody was signed in. */
interface Sent {
  used?: Kept
  isRepeated?: boolean
}

/** Refusals still reach whoever asked. Returns what takes the interceptor off again. */
export function intercept(axios: AxiosLike, client: Client, refusals: Refusals = {}): () => void {
  const here = () => (typeof location === 'undefined' ? 'http://localhost' : location.href)
  let isLeaving = false

  function isToUs(config: { url?: string; baseURL?: string }): boolean {
    const base = new URL(config.baseURL || '.', here())
    const ours = [here(), client.session.baseUrl || here(), axios.defaults.baseURL || here(), ...(refusals.origins ?? [])]
    const to = new URL(config.url ?? '', base).origin
    return ours.some((it) => new URL(it, here()).origin === to)
  }

  function leave(error: unknown): void {
    if (refusals.onUnauthorized) return refusals.onUnauthorized(error)
    const page = refusals.loginPage
    if (!page || typeof location === 'undefined' || isLeaving) return
    const to = new URL(page, location.href)
    // Where pages are told apart by what follows the `#`, that counts too.
    const isThere = to.pathname === location.pathname && (!to.hash || to.hash === location.hash.split('?')[0])
    if (isThere) return
    isLeaving = true
    to.searchParams.set('redirect', location.pathname + location.search + location.hash)
    location.assign(to)
  }

  async function outward(config: any): Promise<any> {
    if (!isToUs(config)) return config
    // Whoever is not signed in asks without a token, and hears what the server says to that.
    const used = await client.session.ready().catch((error) => {
      if (client.session.isPassing(error)) throw error
      return undefined
    })
    // axios passes on its own copy of a config, so what it was sent with goes by a member that every copy keeps.
    config.menjin = { used, isRepeated: config.menjin?.isRepeated }
    if (!used) return config
    config.headers = config.headers ?? {}
    config.headers.Authorization = `Bearer ${used.access_token}`
    return config
  }

  /** A 401 is about the session where `fetch` of the client says so, too. */
  async function refused(error: any): Promise<any> {
    const { config, response } = error ?? {}
    // Given up by the page itself: nobody refused anything.
    if (error?.__CANCEL__ || error?.code === 'ERR_CANCELED') throw error
    const mark: Sent | undefined = config?.menjin
    let isOver = false
    if (response?.status === 401 && mark) {
      const header = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name, value]) => [name, String(value)]))
      const problem = problemOf({ statusCode: 401, data: response.data, header })
      isOver = isOurs(problem, mark.used)
      if (isOver && mark.used && !mark.isRepeated) {
        const next = await client.session.healed(mark.used, problem).catch((why) => {
          if (client.session.isPassing(why)) throw tellOther(why)
          return null
        })
        if (next?.user.id === mark.used.user.id) return axios.request({ ...config, menjin: { used: next, isRepeated: true } })
        // Somebody else has signed in meanwhile.
        isOver = !next
      }
    }
    if (isOver) leave(error)
    else if (response?.status === 403) refusals.onForbidden?.(error)
    else if (response?.status === 404) refusals.onNotFound?.(error)
    else tellOther(error)
    throw error
  }

  function tellOther(error: unknown): unknown {
    refusals.onError?.(error)
    return error
  }

  const asking = axios.interceptors.request.use(outward)
  const answering = axios.interceptors.response.use((response) => response, refused)
  const hasPage = typeof addEventListener !== 'undefined'
  // Whoever comes back by the browser's button may find this page as it was left.
  const back = () => (isLeaving = false)
  if (hasPage) addEventListener('pageshow', back)
  return () => {
    if (hasPage) removeEventListener('pageshow', back)
    axios.interceptors.request.eject(asking)
    axios.interceptors.response.eject(answering)
  }
}

/** On the login page: where to go afterwards, as `?redirect=` says; a path of this site, whatever stands there. */
export { ownPath } from './redirect'
