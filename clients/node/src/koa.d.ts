import type { Verifier } from './index.js'

/** Lets in whom menjin has signed in: `ctx.state.menjin` is the `Caller`; with `optional`, nobody is `null`. */
export declare function guard(
  verifier: Verifier,
  options?: { optional?: boolean },
): (ctx: any, next: () => Promise<any>) => Promise<void>
