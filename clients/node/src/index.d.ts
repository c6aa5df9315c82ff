// The types of @menjin/node, by hand: the package is JavaScript and is built by nothing.

/** This back end, as menjin knows it: an `[[app]]` with `kind = "backend"`, or one of `menjin app add`. */
export interface App {
  id: string
  secret: string
}

/** Tokens of an old system that are good until a date. */
export interface LegacyEntry {
  /** For logs, and `caller.legacy.name`. */
  name: string
  /** What the old system signed with (HS256). */
  secret: string
  /** The claim that names the person; `userId` unless told otherwise. */
  userClaim?: string
  /** What that claim is in menjin; `number` unless told otherwise. */
  user?: 'number' | 'external_id'
  /** From then on they are refused. */
  until: string | Date
}

/** Times are in seconds. */
export interface VerifierOptions {
  /** menjin's `server.public_url`, without a slash at the end. */
  issuer: string
  /** Whom tokens must be for: the `audience` of the `[[app]]`, or its id. */
  audience: string
  /** Needed for the feed, session data and `openSession`. */
  app?: App
  /** `false`: a session that ended stays good here until its token expires. */
  feed?: boolean
  /** How old the feed may be before requests get 503; 30. */
  revocationMaxLag?: number
  /** How far this machine's clock may be off; 30, at most 60. */
  leeway?: number
  /** Also take `typ: JWT` with `token_use: access` (`[audience.…] typ = "JWT"`). */
  acceptJwtTyp?: boolean
  /** Also take a token without `Bearer`, as old clients send it. */
  bare?: boolean
  /** Where menjin is for this machine, when it is not at `issuer`. */
  url?: string
  /** Where the keys are, when not at `{url}/.well-known/jwks.json`. */
  jwksUrl?: string
  /** How long keys past their age serve while menjin is away; 900. */
  maxStale?: number
  legacy?: LegacyEntry[]
  /** `console`, pino, …; warnings go to `process.emitWarning` when there is none. */
  log?: { debug?(message: string): void; warn?(message: string): void }
  /** For tests: another `fetch`, and another clock, in milliseconds. */
  fetch?: typeof globalThis.fetch
  now?: () => number
}

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** What a token says. */
export interface Claims {
  [claim: string]: unknown
  exp: number
}

export type AnyHeaders = Headers | { [name: string]: string | string[] | undefined }

/** Opens a session: exactly one of `user`, `number`, `external_id` and `identity`. */
export interface Person {
  user?: string
  number?: number
  external_id?: string
  identity?: { platform: string; appid: string; openid: string }
  /** The app that it is opened through. */
  app: string
  device?: { id?: string; class?: 'phone' | 'tablet' | 'pc' | 'other'; name?: string; system?: string }
  /** Stand in all of the session's access tokens; 1 KiB at most. */
  claims?: { [claim: string]: Json }
}

/** What a sign-in answers. */
export interface Opened {
  token_type: 'Bearer'
  access_token: string
  expires_in: number
  refresh_token: string
  refresh_expires_in: number
  session_id: string
  is_new_user: boolean
  user: { id: string; number: number; [member: string]: unknown }
  need: string[]
}

export declare function createVerifier(options: VerifierOptions): Verifier

export declare class Verifier {
  constructor(options: VerifierOptions)
  /** Who sends these headers; best `request.headersDistinct`. Throws a `Refusal`. */
  check(headers: AnyHeaders): Promise<Caller>
  /** Whom this token names. Throws a `Refusal`. */
  verify(token: string): Promise<Caller>
  /** The data of the session that the token belongs to, or with `user` of the person. */
  sessionData(token: string, options?: { scope?: 'session' | 'user' }): Session
  /** Signs in somebody whom this program has authenticated itself. */
  openSession(person: Person, options?: { idempotencyKey?: string }): Promise<Opened>
  /** Reads keys and feed before the first request does; rejects with what keeps it from serving. */
  ready(options?: { timeout?: number }): Promise<void>
  /** Ends the feed, so that the program can end. */
  close(): Promise<void>
}

/** Who is calling. */
export declare class Caller {
  private constructor()
  /** `usr_…`, stable for ever; null behind a legacy token. */
  readonly user: string | null
  /** Their sign-in on this device, with its data; null behind a legacy token. */
  readonly session: Session | null
  /** The app that they use. */
  readonly clientId: string | null
  /** These three are empty behind a legacy token. */
  readonly scope: string[]
  readonly roles: string[]
  readonly permissions: string[]
  readonly claims: Claims
  readonly legacy: { name: string; number?: number; externalId?: string } | null
  /** Each throws a `Refusal` (403) unless the token has it. */
  requireScope(scope: string): void
  requireRole(role: string): void
  require(permission: string): void
}

/** What a route wants of its callers, who get 403 without it: a word each, or a list of which all are needed. */
export interface Needs {
  role?: string | string[]
  permission?: string | string[]
  scope?: string | string[]
}

/** What back ends of this audience keep beside a session. Each call asks menjin; nothing is kept here. */
export declare class Session {
  private constructor()
  /** `ses_…` */
  readonly id: string
  /** The person's data, shared by all their sessions. */
  readonly ofUser: Session
  get<T = Json>(key: string): Promise<T | undefined>
  all(): Promise<{ [key: string]: Json }>
  set(key: string, value: unknown, options?: { ttl?: number }): Promise<void>
  del(key: string): Promise<void>
  flush(): Promise<void>
  /** Changes one value by what it is; `change` runs again when somebody else was quicker. */
  update<T = Json>(
    key: string,
    change: (value: T | undefined) => T | undefined | Promise<T | undefined>,
    options?: { ttl?: number },
  ): Promise<T | undefined>
  /** Changes several keys at once, all or none; `undefined` deletes one. */
  merge(changes: { [key: string]: unknown }): Promise<void>
}

/** The body of a refusal (RFC 9457). */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  action: string
  replaced_by?: unknown
}

/** Why a request does not get through: 401, 403 or 503. hapi takes it for a Boom. */
export declare class Refusal extends Error {
  constructor(code: string, more?: { reason?: string; scope?: string; action?: string })
  readonly code: string
  readonly status: number
  readonly action: string
  readonly problem: Problem
  readonly output: { statusCode: number; headers: Record<string, string>; payload: Problem };
  /** The same in the language that `Accept-Language` asks for. */
  in(acceptLanguage?: string): this
}

/** menjin refused this program itself, or what it asked for. */
export declare class MenjinError extends Error {
  private constructor()
  readonly code: string
  readonly answer: { status: number; problem: Partial<Problem> }
}

/** Whether a granted permission such as `orders:*` covers a needed one. */
export declare function permits(granted: string, needed: string): boolean
