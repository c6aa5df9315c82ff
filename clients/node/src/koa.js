// Koa, and Egg, which is made of it. Does not: speak to menjin by itself.

import { Refusal } from './refusal.js'
import { headersOf } from './source.js'

/** Lets in whom menjin has signed in; `ctx.state.menjin` is the caller. With `optional`, nobody is `null`. */
export function guard(verifier, { optional = false } = {}) {
  return async (ctx, next) => {
    try {
      ctx.state.menjin = await callerOf(verifier, ctx, optional)
      await next()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer(ctx, error)
    }
  }
}

async function callerOf(verifier, ctx, optional) {
  try {
    return await verifier.check(headersOf(ctx.req))
  } catch (error) {
    if (optional && error instanceof Refusal && error.code === 'token_missing') return null
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
