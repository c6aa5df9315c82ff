// The one who is signed in: kept, refreshed once for all who wait, ended once. Does not: send anything itself, or know how a
// platform signs people in.

import { told, type LoginAnswer, type SignedIn, type User } from './account'
import { both, given, refused, type Answer, type Ask, type Send } from './ask'
import { isPassing, local, patience, problemOf, type MenjinError } from './problem'

export interface Pair {
  access_token: string
  refresh_token: string
  expires_in: number
  /**
   * When `expires_in` began to count, by the device's own clock: whether that is right does not matter. Of two records the one
   * with the later time counts: a refresh counts from when it was asked for, a sign-in from when it was answered.
   */
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
  appId: string
  /** Of paths at menjin. */
  send: Send
  tongue(): string
  read(): unknown
  write(record: Kept | Over): void
  /** Lets no other page refresh meanwhile, where there are others. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Signs in without asking the person; absent where that can't be. */
  silently?(): Promise<LoginAnswer>
}

/**
 * After these (kicked, replaced, closed) nobody is signed in again by themselves: two phones would throw each other out for ever,
 * and whoever had their account deleted would have a new one.
 */
const STAYS_OUT = /^(session_[kr]|account_c)/

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

/**
 * Whether a refusal is about the session that was used. Otherwise it is somebody else's, about something else; or of a back end
 * that takes no token of ours, however new. The actions `refresh` and `relogin` tell it, and the codes of those who may not
 * come back: `user_disabled`, `user_deleting`.
 */
export const isOurs = (problem: MenjinError, used?: Kept): boolean =>
  /^re[fl]|^noneuser_d/.test(problem.action + problem.code) &&
  !(used && /^token_[im]/.test(problem.code) && Math.abs(ageOf(used)) < YOUNG)

export type Session = ReturnType<typeof openSession>

export function openSession(world: World) {
  let kept: Kept | null = null
  let out = ''
  /** The session that has ended here. */
  let gone: string | undefined
  let since = 0
  let refreshing: Promise<Kept> | null = null
  let entering: Promise<Kept> | null = null
  const listeners: ((end: SessionEnd) => void)[] = []

  /**
   * What storage has, or somebody tells: another part of the program may have refreshed, signed in or out. What is older than
   * what we know was left there by a write that failed, or that is not through to this tab yet, and a session that has ended
   * does not come back. That another one is over is not about a tab of its own, nor that ours is while we sign in anew.
   */
  const look = (heard?: Kept | Over): Kept | null => {
    const record = heard || (world.read() as Kept | Over | undefined)
    if (record && record.at >= since) {
      if ('refresh_token' in record) {
        if (record.session_id !== gone) take(record)
      } else if (!kept) {
        gone = record.session_id
        out = record.ended
      } else if (!entering && (world.silently || isIn(record))) leave(record.ended, undefined, true)
    }
    return kept
  }

  const take = (next: Kept): Kept => {
    out = ''
    since = next.at
    return (kept = next)
  }

  const keep = (next: Kept): Kept => {
    world.write(next)
    return take(next)
  }

  /** Whoever sees it first writes it down. `since` stays: another tab may have signed in before we saw that ours is over. */
  const leave = (reason: string, error?: MenjinError, isTold?: boolean): void => {
    if (kept) gone = kept.session_id
    kept = null
    out = reason
    if (!isTold) world.write({ ended: reason, at: Date.now(), session_id: gone })
    listeners.forEach((listener) => {
      // Its failure is not ours, and not to be hidden.
      given({ reason, error }).then(listener)
    })
  }

  const known = () => kept || look()
  const nobody = () => refused(local('signed_out', world.tongue(), out))
  /** Whether it is still the session that was used. */
  const isIn = (used: Kept | Over) => kept && kept.session_id === used.session_id

  /** One request of our own to menjin. */
  const call = (path: string, data?: unknown, more?: Partial<Ask>): Promise<Answer> => {
    const own = { 'Menjin-App': world.appId, 'content-type': 'application/json' }
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
    if (!refresh_token) throw local('network', world.tongue(), answer)
    return { access_token, refresh_token, expires_in, at }
  }

  /**
   * Trades the refresh token; a lost answer is asked for again, which menjin allows for. It looks before it asks, and before it
   * keeps: a tab that lay frozen meanwhile is behind the others, and an old token would be taken for a stolen one.
   */
  const traded = (used: Kept, tries: number): Promise<Kept> => {
    const mine = look()
    if (!mine) return nobody()
    if (mine.access_token !== used.access_token && lives(mine, AHEAD)) return given(mine)
    const at = Date.now()
    return call('/v1/token/refresh', { refresh_token: mine.refresh_token })
      .then((answer) => {
        const pair = pairOf(body(answer), at)
        look()
        // Signed out, or in anew, while we waited: then that counts.
        if (!isIn(mine)) return nobody()
        return kept!.refresh_token === mine.refresh_token ? keep(both(kept!, pair)) : kept!
      })
      .catch((error) => patience(error, tries).then(() => traded(used, tries + 1)))
  }

  const refresh = (used: Kept): Promise<Kept> => {
    return (refreshing =
      refreshing ||
      world
        .alone(() => traded(used, 1))
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
    const done = () => {
      if (entering === mine) entering = null
    }
    const mine: Promise<Kept> = work().then(
      (answer) => {
        done()
        return keep(both(pairOf(answer, Date.now()), told(answer, true)))
      },
      (error) => {
        done()
        throw error
      },
    )
    return (entering = mine)
  }

  /** Never for those who have signed out or were signed out: they come back by `login()`. */
  const silently = () => entering || (world.silently && !out ? enter(world.silently) : nobody())

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
    const old = entering ? null : known()
    if (!old) return silently()
    if (!refreshing && lives(old, AHEAD)) return given(old)
    return refresh(old).catch((error: MenjinError) => {
      if (isPassing(error) && isIn(old) && lives(old, 0)) return kept!
      throw error
    })
  }

  /** Another token than the one that was refused. */
  const healed = (used: Kept, problem: MenjinError): Promise<Kept> => {
    if (!entering && look() && kept!.access_token !== used.access_token) return given(kept!)
    // A back end may be wrong about a token: before somebody is signed out for it, menjin is asked.
    const isTraded = problem.action === 'refresh' || (!world.silently && /^token_/.test(problem.code))
    return kept && !entering && isTraded ? refresh(used) : over(used, problem)
  }

  /** Does something with a token; after a refusal that can be healed once more, and then the answer is what it is. */
  const authorized = <A extends Answer>(attempt: (token: string) => Promise<A>): Promise<A> =>
    ready().then((used) =>
      attempt(used.access_token).then((answer) => {
        const status = answer.statusCode
        if (status !== 401 && status !== 403) return answer
        const problem = problemOf(answer)
        const healing =
          problem.action === 'reauth' && world.silently
            ? silently()
            : status === 401 && isOurs(problem, used) && healed(used, problem)
        // Somebody else may have signed in meanwhile: what one person asked for is never asked again as another.
        const again = (next: Kept) => (next.user.id === used.user.id ? attempt(next.access_token) : answer)
        return healing ? healing.then(again) : answer
      }),
    )

  /** Resolves to whether menjin knows; here the session is over in any case. */
  const signOut = (): Promise<boolean> => {
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
    known,
    look,
    ready,
    healed,
    enter,
    entering: () => entering,
    authorized,
    call,
    body,
    signOut,
    /** Why nobody is signed in, where somebody was. */
    why: () => out,
    /** A request of our own to menjin as the person, and its body. */
    asked: <T>(path: string, method: string, data?: unknown): Promise<T> =>
      authorized((token) => call(path, data, { method, header: { Authorization: 'Bearer ' + token } })).then(body<T>),
    /** The person has changed, if it is still the same one. */
    userIs(user: User, need: string[]): void {
      if (look() && kept!.user.id === user.id) keep(both(kept!, { user, need }))
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
