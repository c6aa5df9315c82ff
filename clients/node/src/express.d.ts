import type { Needs, Verifier } from './index.js'

type Next = (error?: unknown) => void

/** Lets in whom menjin has signed in: `request.menjin` is the `Caller`; with `optional`, nobody is `null`. With needs, only who has them, and no stranger. */
export declare function guard(
  verifier: Verifier,
  options?: { optional?: boolean } & Needs,
): (request: any, response: any, next: Next) => Promise<void>

/** Answers what handlers throw: `require…` and session data. Stands after the routes. */
export declare function refusals(): (error: unknown, request: any, response: any, next: Next) => void
