// Koa, and Egg, which is made of it. Does not: speak to menjin by itself.

import { needed } from './needs.js'
import { Refusal } from './refusal.js'
import { headersOf } from './source.js'

/**
 * Lets in whom menjin has signed in; `ctx.state.menjin` is the caller. With `optional`, nobody is `null`. With `role`,
 * `permission` or `scope`, only who has it, and no stranger.
 */
export function guard(verifier, { optional = false, ...options } = {}) {
  const needs = needed(options)
  const takesStrangers = optional && needs.length === 0
  return async (ctx, next) => {
    try {
      const caller = await callerOf(verifier, ctx, takesStrangers)
      needs.forEach((need) => need(caller))
      ctx.state.menjin = caller
      await next()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer(ctx, error)
    }
  }
}

async function callerOf(verifier, ctx, takesStrangers) {
  try {
    return await verifier.check(headersOf(ctx.req))
  } catch (error) {
    if (takesStrangers && error instanceof Refusal && error.code === 'token_missing') return null
    throw error
  }
}

function answer(ctx, refusal) {
  const { statusCode, headers, payload } = refusal.in(ctx.get('accept-language')).output
  const { vary, ...others } = headers
  ctx.vary(vary)
  ctx.status = statusCode
  ctx.body = JSON.stringify(payload)
  ctx.set(others)
}
