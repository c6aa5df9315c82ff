// An interceptor for axios: the token on its way out, and one place for refusals on their way back.

import { problemOf } from '../../miniprogram/src/session/problem'
import type { Kept } from '../../miniprogram/src/session/session'
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
  /** Every other refusal, and a network that is away. */
  onError?(error: unknown): void
  /** Origins beside this site's, `baseUrl`'s and the instance's own that get the token. Others never do. */
  origins?: string[]
}

/** What a request of ours was sent with. */
interface Sent {
  used?: Kept
  isRepeated?: boolean
}

/** Refusals still reach whoever asked. Returns what takes the interceptor off again. */
export function intercept(axios: AxiosLike, client: Client, refusals: Refusals = {}): () => void {
  const here = () => (typeof location === 'undefined' ? 'http://localhost' : location.href)
  let isLeaving = false

  function isOurs(config: { url?: string; baseURL?: string }): boolean {
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
    if (to.pathname === location.pathname) return
    isLeaving = true
    to.searchParams.set('redirect', location.pathname + location.search + location.hash)
    location.assign(to)
  }

  async function outward(config: any): Promise<any> {
    if (!isOurs(config)) return config
    // Whoever is not signed in asks without a token, and hears what the server says to that.
    const used = await client.session.ready().catch((error) => {
      if (client.session.isPassing(error)) throw error
      return undefined
    })
    if (!used) return config
    config.headers = config.headers ?? {}
    config.headers.Authorization = `Bearer ${used.access_token}`
    // axios passes on its own copy of a config, so what it was sent with goes by a member that every copy keeps.
    config.menjin = { used, isRepeated: config.menjin?.isRepeated }
    return config
  }

  async function refused(error: any): Promise<any> {
    const { config, response } = error ?? {}
    const mark: Sent | undefined = config?.menjin
    if (response?.status === 401 && mark?.used && !mark.isRepeated) {
      const header = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name, value]) => [name, String(value)]))
      const problem = problemOf({ statusCode: 401, data: response.data, header })
      if (problem.action !== 'none' || problem.code === 'user_disabled' || problem.code === 'user_deleting') {
        const next = await client.session.healed(mark.used, problem).catch((why) => {
          if (client.session.isPassing(why)) throw tellOther(why)
          return null
        })
        if (next?.user.id === mark.used.user.id) return axios.request({ ...config, menjin: { used: next, isRepeated: true } })
      }
    }
    if (response?.status === 401) leave(error)
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
  return () => {
    axios.interceptors.request.eject(asking)
    axios.interceptors.response.eject(answering)
  }
}

/** On the login page: where to go afterwards, as `?redirect=` says; a path of this site, whatever stands there. */
export { ownPath } from './redirect'
