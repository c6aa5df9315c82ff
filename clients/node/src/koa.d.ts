import type { Needs, Verifier } from './index.js'

/** Lets in whom menjin has signed in: `ctx.state.menjin` is the `Caller`; with `optional`, nobody is `null`. With needs, only who has them, and no stranger. */
export declare function guard(
  verifier: Verifier,
  options?: { optional?: boolean } & Needs,
): (ctx: any, next: () => Promise<any>) => Promise<void>
