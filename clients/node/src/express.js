// Express, and all that takes its middleware. Does not: speak to menjin by itself.

import { Refusal } from './refusal.js'
import { headersOf } from './source.js'

/** Lets in whom menjin has signed in; `request.menjin` is the caller. With `optional`, nobody is `null`. */
export function guard(verifier, { optional = false } = {}) {
  return async (request, response, next) => {
    try {
      request.menjin = await verifier.check(headersOf(request))
    } catch (error) {
      if (!(error instanceof Refusal && optional && error.code === 'token_missing'))
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
