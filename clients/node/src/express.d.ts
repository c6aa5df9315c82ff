import type { Verifier } from './index.js'

type Next = (error?: unknown) => void

/** Lets in whom menjin has signed in: `request.menjin` is the `Caller`; with `optional`, nobody is `null`. */
export declare function guard(
  verifier: Verifier,
  options?: { optional?: boolean },
): (request: any, response: any, next: Next) => Promise<void>

/** Answers what handlers throw: `require…` and session data. Stands after the routes. */
export declare function refusals(): (error: unknown, request: any, response: any, next: Next) => void
