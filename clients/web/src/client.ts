// createClient: a page's account at menjin. Does not: keep or refresh tokens, which is the same for phones
// (clients/miniprogram/src/session).

import { told, type LoginAnswer, type SignedIn, type User } from '../../miniprogram/src/session/account'
import { both, parsed, random, type Answer, type Ask } from '../../miniprogram/src/session/ask'
import { isPassing, local, patience, type MenjinError } from '../../miniprogram/src/session/problem'
import { openSession, type Kept, type Over, type SessionEnd } from '../../miniprogram/src/session/session'
import { deviceOf } from './device'
import { arrived, begin, checked, ownPath, refused, type Start } from './redirect'
import { placeOf, type StorageChoice } from './storage'
import { tabsOf } from './tabs'

export interface ClientOptions {
  /** The `id` of the `[[app]]`. */
  app: string
  /** Where menjin is; this very site when left out. Another one must be reachable for pages: see the README. */
  baseUrl?: string
  /** Where tokens are kept; `session` when left out. */
  storage?: StorageChoice
  /** For the messages: `zh-CN` or `en`; the browser's own when left out. */
  language?: string
  device?: { class?: 'phone' | 'tablet' | 'pc' | 'other'; name?: string; system?: string }
  /** Instead of the browser's. */
  fetch?: typeof fetch
  onSessionEnd?(end: SessionEnd): void
}

export interface RedirectOptions {
  /** Where the platform sends the person back to: one of the app's `redirect_uris`. This page without its query when left out. */
  redirectUri?: string
  /** What `finishRedirect` gives back: a path of this site. Where the person is now when left out. */
  returnTo?: string
  /** Inside WeChat, without a question: then there is no nickname. */
  silent?: boolean
}

/** For requests of our own: the lock is not held for longer. */
const TIMEOUT = 20_000

export type Client = ReturnType<typeof createClient>

export function createClient(options: ClientOptions) {
  const baseUrl = (options.baseUrl ?? '').replace(/\/+$/, '')
  const app = options.app
  const name = `menjin.${app}`
  const choice = options.storage ?? 'session'
  const place = placeOf(choice)
  const fetching: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init))
  const language = () => options.language ?? (typeof navigator === 'undefined' ? 'en' : navigator.language) ?? 'en'
  const spoken: Record<string, string> = options.language ? { 'Accept-Language': options.language } : {}

  /** Every status is an answer; only what reaches nobody is refused. */
  async function reached(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    try {
      return await fetching(input, init)
    } catch (error) {
      // Given up by the page itself.
      if (init?.signal?.aborted || (error as Error)?.name === 'AbortError') throw error
      throw local('network', language(), error)
    }
  }

  async function send(ask: Ask): Promise<Answer> {
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), TIMEOUT)
    const body = ask.data === undefined ? undefined : JSON.stringify(ask.data)
    try {
      const headers = both(spoken, ask.header)
      const response = await fetching(baseUrl + ask.url, { method: ask.method, headers, body, credentials: 'omit', cache: 'no-store', signal: giveUp.signal })
      const text = await response.text()
      return { statusCode: response.status, data: parsed(text), header: Object.fromEntries(response.headers) }
    } catch (error) {
      throw local('network', language(), error)
    } finally {
      clearTimeout(timer)
    }
  }

  let hearing = false
  const session = openSession({
    appId: app,
    tongue: language,
    send,
    read: () => place.read(name),
    write(record) {
      place.write(name, record)
      if (!hearing) tabs.tell(record)
    },
    alone: (work) => tabs.alone(work),
  })

  const tabs = tabsOf(name, (record: Kept | Over) => {
    hearing = true
    try {
      // A duplicated tab has the same session in a storage of its own.
      const isOwn = choice !== 'local'
      if (isOwn && session.known()?.session_id !== record.session_id) return
      const now = session.look(record)
      // What came too late to be believed is not written down either; nor does the end of another session, written over ours, stay.
      const isOther = 'ended' in record && now?.session_id !== record.session_id
      if (isOwn || (now && isOther)) place.write(name, now ?? record)
    } finally {
      hearing = false
    }
  })
  if (options.onSessionEnd) session.onEnd(options.onSessionEnd)

  const deviceId = deviceOf(choice, place)
  async function device(): Promise<object> {
    const isPhone = typeof navigator !== 'undefined' && /Mobi|Android/i.test(navigator.userAgent ?? '')
    return both({ id: await deviceId(), class: isPhone ? 'phone' : 'pc' }, options.device)
  }

  /** Posts a sign-in; a lost answer is asked for again by the same request and key, and is then the same session. */
  async function posted(path: string, body: object): Promise<LoginAnswer> {
    const data = both({ device: await device() }, body)
    const header = { 'Idempotency-Key': random() }
    const attempt = (tries: number): Promise<LoginAnswer> =>
      session
        .call(path, data, { header })
        .then(session.body<LoginAnswer>)
        .catch((error: MenjinError) => {
          if (error.action !== 'retry') throw error
          return patience(error, tries).then(() => attempt(tries + 1))
        })
    return attempt(1)
  }

  let asking = ''
  const entered = async (key: string, work: () => Promise<LoginAnswer>): Promise<SignedIn> => {
    asking = key
    return told(await session.enter(work), true)
  }

  /** A second tap gets the first one's outcome: its code is the same, and good for once. Another sign-in waits for its turn. */
  async function login(body: object): Promise<SignedIn> {
    const key = JSON.stringify(body)
    for (let running = session.entering(); running; running = session.entering()) {
      if (key === asking) return told(await running, true)
      await running.catch(() => null)
    }
    return entered(key, () => posted(`/v1/login/${app}`, body))
  }

  /** As the browser's own, with the token: repeated once after a 401 that can be healed. */
  async function authorizedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const isOnce = init?.body instanceof ReadableStream
    const answer = await session.authorized(async (token) => {
      // A body that was sent is gone; what is left here can be sent again.
      const asked = typeof Request !== 'undefined' && input instanceof Request ? input.clone() : input
      const headers = new Headers(init?.headers ?? (asked instanceof Request ? asked.headers : undefined))
      headers.set('Authorization', `Bearer ${token}`)
      for (const name in spoken) if (!headers.has(name)) headers.set(name, spoken[name])
      const response = await reached(asked, { ...init, headers })
      const isRefused = !isOnce && (response.status === 401 || response.status === 403)
      const data = isRefused ? parsed(await response.clone().text()) : null
      const header = Object.fromEntries(response.headers)
      return { statusCode: isOnce && response.status === 401 ? 0 : response.status, data, header, response }
    })
    return answer.response
  }

  const startKey = `${name}.start`
  const starts = placeOf('session')
  let finishing: Promise<SignedIn & { returnTo: string }> | null = null

  /** Leaves for the platform's page, and comes back to `redirectUri`. */
  async function startRedirect(given: RedirectOptions = {}): Promise<void> {
    const here = location.origin + location.pathname
    const returnTo = ownPath(given.returnTo ?? location.pathname + location.search + location.hash)
    const [url, start] = await begin(baseUrl, app, given.redirectUri ?? here, returnTo)
    if (given.silent) url.searchParams.set('silent', 'true')
    starts.write(startKey, start)
    location.assign(url)
  }

  /**
   * On the page that the person comes back to: signs in, and tells where they were. Null when the address brings nothing.
   * The code leaves the address at once, so that a reload or a shared link does not bring it again.
   */
  async function finishRedirect(): Promise<(SignedIn & { returnTo: string }) | null> {
    const back = arrived(location.href)
    // A framework may ask twice for one arrival.
    if (!back) return finishing
    history.replaceState(history.state, '', back.rest)
    const start = starts.read(startKey) as Start | null
    starts.write(startKey, null)
    const finish = async () => {
      const { verifier, returnTo } = checked(start, back.state, language())
      if (!back.code) throw refused(back.error, language())
      return { ...(await login({ code: back.code, code_verifier: verifier })), returnTo: ownPath(returnTo) }
    }
    const mine = finish().finally(() => {
      if (finishing === mine) finishing = null
    })
    return (finishing = mine)
  }

  function changed(me: { user: User; need?: string[] }): User {
    session.userIs(me.user, me.need ?? session.known()?.need.filter((it) => it !== 'profile') ?? [])
    return me.user
  }

  return {
    /** Signs in with what `POST /v1/login/{app}` takes: `{code, code_verifier}` after a redirect, `{code}` of a platform's SDK. */
    login,
    /** A sign-in that your own server made for this person (`POST /v1/sessions`): its answer as it came. */
    accept: (answer: LoginAnswer): Promise<SignedIn> => entered('', () => Promise.resolve(answer)),
    fetch: authorizedFetch,
    startRedirect,
    finishRedirect,
    /** Resolves to whether menjin could be told; here nobody is signed in afterwards in any case. */
    logout: session.signOut,
    /** Who is signed in, as far as the page knows; asks nobody. */
    current(): SignedIn | null {
      const kept = session.known()
      return kept && told(kept)
    },
    accessToken: (): Promise<string> => session.ready().then((kept) => kept.access_token),
    setProfile: (profile: { nickname?: string; avatar_url?: string }): Promise<User> =>
      session.asked<{ user: User }>('/v1/me', 'PUT', profile).then(changed),
    async setAvatar(picture: Blob): Promise<User> {
      const form = new FormData()
      form.set('avatar', picture)
      const response = await authorizedFetch(`${baseUrl}/v1/me/avatar`, { method: 'POST', body: form })
      const header = Object.fromEntries(response.headers)
      return changed(session.body({ statusCode: response.status, data: parsed(await response.text()), header }))
    },
    /** Tells once, in each tab, when the session has ended. Returns what stops it. */
    onSessionEnd: session.onEnd,
    /** Listens to other tabs no more. */
    close: () => tabs.close(),
    /** For interceptors: a token, whom it is of, and another one after a refusal. */
    session: { ready: session.ready, healed: session.healed, baseUrl, isPassing },
  }
}
