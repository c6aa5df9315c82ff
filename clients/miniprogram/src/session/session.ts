// The one who is signed in: kept, refreshed once for all who wait, ended once. Does not: send anything itself, or know how a
// platform signs people in.

import { told, type LoginAnswer, type SignedIn, type User } from './account'
import { both, given, refused, type Answer, type Ask, type Send } from './ask'
import { isPassing, local, patience, problemOf, type MenjinError } from './problem'

export interface Pair {
  access_token: string
  refresh_token: string
  expires_in: number
  /** When `expires_in` began to count, by the device's own clock: whether that is right does not matter. */
  at: number
}

/** What is kept in storage. */
export interface Kept extends SignedIn, Pair {}

/** In its place, once somebody has signed out or was signed out. */
export interface Over {
  ended: string
  at: number
  session_id?: string
}

export interface SessionEnd {
  /** `logout`, or the code of the problem: `session_kicked`, `session_replaced`, `user_disabled`, … */
  reason: string
  /** What the server said; none for a logout. */
  error?: MenjinError
}

/** What a session needs of its surroundings. */
export interface World {
  app: string
  /** Of paths at menjin. */
  send: Send
  language(): string
  /** May throw. */
  read(): unknown
  write(record: Kept | Over): void
  /** Lets no other page refresh meanwhile, where there are others. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Signs in without asking the person; absent where that can't be. */
  silently?(): Promise<LoginAnswer>
}

/** After these nobody is signed in again by themselves: two phones would throw each other out for ever. */
const STAYS_OUT = /^session_(kicked|replaced)$/

/** How long before its end a token is replaced, in seconds. */
const AHEAD = 30

/** How long a token that was just given is not replaced by a new sign-in, whatever is said of it, in seconds. */
const YOUNG = 30

const ageOf = (kept: Kept): number => (Date.now() - kept.at) / 1000

const lives = (kept: Kept, ahead: number): boolean => {
  const age = ageOf(kept)
  // A clock that was set back says nothing.
  return age >= 0 && age < kept.expires_in - Math.min(ahead, kept.expires_in / 4)
}

export type Session = ReturnType<typeof openSession>

export function openSession(world: World) {
  let kept: Kept | null = null
  let out = ''
  let isRead = false
  let since = 0
  let refreshing: Promise<Kept> | null = null
  let entering: Promise<Kept> | null = null
  const listeners: ((end: SessionEnd) => void)[] = []

  /**
   * What storage has, or somebody tells: another part of the program may have refreshed, signed in or out. What is older than
   * what we know was left there by a write that failed, or that is not through to this tab yet.
   */
  const look = (heard?: Kept | Over): Kept | null => {
    const first = !isRead
    isRead = true
    let record = heard
    try {
      record = record || (world.read() as Kept | Over | undefined)
    } catch (_) {}
    if (record && record.at >= since) {
      since = record.at
      if ('refresh_token' in record) {
        kept = record
        out = ''
      } else if ('ended' in record) {
        if (first) out = record.ended
        else if (kept) leave(record.ended, undefined, true)
      }
    }
    return kept
  }

  const keep = (next: Kept): Kept => {
    out = ''
    isRead = true
    since = next.at
    world.write((kept = next))
    return next
  }

  const leave = (reason: string, error?: MenjinError, isKnown?: boolean): void => {
    const session_id = kept ? kept.session_id : ''
    kept = null
    out = reason
    isRead = true
    if (!isKnown) world.write({ ended: reason, at: (since = Date.now()), session_id })
    listeners.forEach((listener) => {
      // Its failure is not ours, and not to be hidden.
      given({ reason, error }).then(listener)
    })
  }

  const current = () => (isRead && kept) || look()
  const signedOut = () => local('signed_out', world.language(), out)
  const nobody = () => refused(signedOut())
  /** Whether it is still the session that was used. */
  const isIn = (used: Kept) => !!kept && kept.session_id === used.session_id

  /** One request of our own to menjin. */
  const call = (path: string, data?: unknown, more?: Partial<Ask>): Promise<Answer> => {
    const own = { 'Menjin-App': world.app, 'content-type': 'application/json' }
    const ask = both({ url: path, method: 'POST', data, timeout: 15000 }, more)
    return world.send(both(ask, { header: both(own, more && more.header) }))
  }

  /** Its body, out of the envelope where there is one. */
  const body = <T>(answer: Answer): T => {
    if (answer.statusCode >= 400) throw problemOf(answer)
    const data = answer.data as { code?: unknown; data?: T } | null
    return (data && data.code === 0 ? data.data : data) as T
  }

  /** The tokens in an answer; what has none is somebody else's, such as a hotel's page. */
  const pairOf = (answer: LoginAnswer, at: number): Pair => {
    const { access_token, refresh_token, expires_in } = answer
    if (!refresh_token) throw local('network', world.language(), answer)
    return { access_token, refresh_token, expires_in, at }
  }

  /** Trades the refresh token; a lost answer is asked for again, which menjin allows for. */
  const traded = (token: string, tries: number): Promise<Pair> => {
    const at = Date.now()
    return call('/v1/token/refresh', { refresh_token: token }).then(
      (answer) => pairOf(body(answer), at),
    ).catch((error) => patience(error, tries).then(() => traded(token, tries + 1)))
  }

  const refresh = (used: Kept): Promise<Kept> => {
    return (refreshing =
      refreshing ||
      world
        .alone(() => {
          const mine = look()
          if (!mine) throw signedOut()
          if (mine.access_token !== used.access_token && lives(mine, AHEAD)) return given(mine)
          return traded(mine.refresh_token, 1).then((pair) => {
            // Signed out, or in anew, while we waited: then that counts.
            if (!isIn(mine)) throw signedOut()
            return keep(both(kept!, pair))
          })
        })
        .then(
          (next) => {
            refreshing = null
            return next
          },
          (error: MenjinError) => {
            refreshing = null
            // A bare 401 is not menjin's.
            if ((error.status === 401 && error.action !== 'refresh') || !isIn(used)) return over(used, error)
            throw error
          },
        ))
  }

  /** Signs in; requests wait for it. */
  const enter = (work: () => Promise<LoginAnswer>): Promise<Kept> => {
    const at = Date.now()
    const done = () => {
      if (entering === mine) entering = null
    }
    const mine: Promise<Kept> = work().then(
      (answer) => {
        done()
        return keep(both(pairOf(answer, at), told(answer, true)))
      },
      (error) => {
        done()
        throw error
      },
    )
    return (entering = mine)
  }

  const silently = () => entering || (world.silently ? enter(world.silently) : nobody())

  /** The session that was used is over: sign in anew where that is right, else tell it, once. */
  const over = (used: Kept, problem: MenjinError): Promise<Kept> => {
    // It was replaced by our own sign-in, on the way, or by that of another part of the program.
    if (entering) return entering
    if (look() && !isIn(used)) return given(kept!)
    const ended = (error: MenjinError) => {
      if (isIn(used)) leave(error.code, error)
      throw error
    }
    if (kept && world.silently && problem.action === 'relogin' && !STAYS_OUT.test(problem.code)) {
      return silently().catch((error: MenjinError) => {
        if (isPassing(error) || !error.status) throw error
        return ended(error)
      })
    }
    return given(problem).then(ended)
  }

  /** A pair that should do: read, waited for, refreshed ahead of its end, or signed in for. */
  const ready = (): Promise<Kept> => {
    const old = entering ? null : current()
    if (!old) return out && !entering ? nobody() : silently()
    if (!refreshing && lives(old, AHEAD)) return given(old)
    return refresh(old).catch((error: MenjinError) => {
      if (isPassing(error) && isIn(old) && lives(old, 0)) return kept!
      throw error
    })
  }

  /** Another token than the one that was refused. */
  const healed = (used: Kept, problem: MenjinError): Promise<Kept> => {
    if (!entering && look() && kept!.access_token !== used.access_token) return given(kept!)
    return kept && !entering && problem.action === 'refresh' ? refresh(used) : over(used, problem)
  }

  /** Does something with a token; after a refusal that can be healed once more, and then the answer is what it is. */
  const authorized = <A extends Answer>(attempt: (token: string) => Promise<A>): Promise<A> => {
    const by = (pair: Kept) => attempt(pair.access_token)
    return ready().then((used) =>
      by(used).then((answer) => {
        const status = answer.statusCode
        const problem = status === 401 || status === 403 ? problemOf(answer) : null
        if (!problem) return answer
        // Somebody else may have signed in meanwhile: what one person asked for is never asked again as another.
        const again = (next: Kept) => (next.user.id === used.user.id ? by(next) : answer)
        if (problem.action === 'reauth' && world.silently) return silently().then(again)
        // Somebody else's refusal, about something else; or a back end that takes no token of ours, however new.
        const isOurs = /^(refresh|relogin)$/.test(problem.action) || /^user_d/.test(problem.code)
        const isHopeless = problem.code === 'token_invalid' && Math.abs(ageOf(used)) < YOUNG
        return status === 403 || !isOurs || isHopeless ? answer : healed(used, problem).then(again)
      }),
    )
  }

  /** Resolves to whether menjin knows; here the session is over in any case. */
  const logout = (): Promise<boolean> => {
    const waited: Promise<unknown> = entering ? entering.catch(() => 0) : given(0)
    return waited.then(() => {
      const mine = look()
      if (mine || out !== 'logout') leave('logout')
      return (
        !mine ||
        call('/v1/logout', { refresh_token: mine.refresh_token }).then(
          (answer) => answer.statusCode < 400 || answer.statusCode === 401,
          () => false,
        )
      )
    })
  }

  return {
    current,
    look,
    ready,
    healed,
    enter,
    entering: () => entering,
    authorized,
    call,
    body,
    logout,
    /** A request of our own to menjin as the person, and its body. */
    asked: <T>(path: string, method: string, data?: unknown): Promise<T> =>
      authorized((token) => call(path, data, { method, header: { Authorization: 'Bearer ' + token } })).then(body<T>),
    /** The person has changed. */
    userIs(user: User, need: string[]): void {
      if (look()) keep(both(kept!, { user, need }))
    },
    onEnd(listener: (end: SessionEnd) => void): () => void {
      listeners.push(listener)
      return () => {
        const at = listeners.indexOf(listener)
        if (at >= 0) listeners.splice(at, 1)
      }
    },
  }
}
