// Express, and all that takes its middleware. Does not: speak to menjin by itself.

import { needed } from './needs.js'
import { Refusal } from './refusal.js'
import { headersOf } from './source.js'

/**
 * Lets in whom menjin has signed in; `request.menjin` is the caller. With `optional`, nobody is `null`. With `role`, `permission`
 * or `scope`, only who has it, and no stranger.
 */
export function guard(verifier, { optional = false, ...options } = {}) {
  const needs = needed(options)
  const takesStrangers = optional && needs.length === 0
  return async (request, response, next) => {
    try {
      const caller = await verifier.check(headersOf(request))
      needs.forEach((need) => need(caller))
      request.menjin = caller
    } catch (error) {
      if (!(error instanceof Refusal && takesStrangers && error.code === 'token_missing'))
        return refused(error, request, response, next)
      request.menjin = null
    }
    next()
  }
}

/** Answers what handlers throw: `require…` and session data. Stands after the routes. */
export function refusals() {
  return (error, request, response, next) => refused(error, request, response, next)
}

function refused(error, request, response, next) {
  if (!(error instanceof Refusal) || response.headersSent) return next(error)
  const { statusCode, headers, payload } = error.in(request.headers['accept-language']).output
  const { vary, ...others } = headers
  response.vary(vary)
  response.status(statusCode).set(others).send(JSON.stringify(payload))
}
