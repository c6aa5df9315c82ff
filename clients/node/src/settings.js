// What a verifier is made with, checked once. Times are given in seconds and kept in milliseconds.

import { MOST_LEEWAY } from './ended.js'

/** menjin proves freshness each 5 seconds, so less can't be kept. */
const LEAST_LAG = 6
const KNOWN = [
  'issuer',
  'audience',
  'app',
  'feed',
  'revocationMaxLag',
  'leeway',
  'acceptJwtTyp',
  'bare',
  'url',
  'jwksUrl',
  'maxStale',
  'legacy',
  'log',
  'fetch',
  'now',
]
const SILENT = { debug() {}, warn: (message) => process.emitWarning(message, 'MenjinWarning') }

export function settled(options) {
  const { issuer, audience, app, feed = true, revocationMaxLag = 30, leeway = 30, maxStale = 900 } = options
  const {
    acceptJwtTyp = false,
    bare = false,
    legacy = [],
    url = issuer,
    log = {},
    fetch = globalThis.fetch,
    now = Date.now,
  } = options
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name))
  refuse(unknown, `${unknown} is no option; there are ${KNOWN.join(', ')}`)
  refuse(!isBase(issuer), "issuer must be menjin's server.public_url, without a slash at the end")
  refuse(!isBase(url), 'url must be http or https, without a slash at the end')
  refuse(typeof audience !== 'string' || audience === '', "audience is missing: the [[app]]'s audience, or its id")
  refuse(
    app && !(app.id && app.secret),
    'app needs id and secret: those of this back end, from menjin.toml or `menjin app add`',
  )
  refuse(
    feed && !app,
    'the feed of ended sessions needs `app: { id, secret }`; or say `feed: false`, and who signs out stays in until the token expires',
  )
  refuse(!(revocationMaxLag >= LEAST_LAG), `revocationMaxLag must be ${LEAST_LAG} seconds at least`)
  refuse(!(leeway >= 0 && leeway * 1000 <= MOST_LEEWAY), 'leeway must be 0 to 60 seconds')
  refuse(!(maxStale >= 0), 'maxStale must be 0 seconds or more')
  return {
    issuer,
    audience,
    app,
    feed,
    acceptJwtTyp,
    bare,
    legacy,
    url,
    fetch,
    now,
    jwksUrl: options.jwksUrl ?? `${url}/.well-known/jwks.json`,
    maxLag: revocationMaxLag * 1000,
    leeway: leeway * 1000,
    maxStale: maxStale * 1000,
    log: { debug: log.debug?.bind(log) ?? SILENT.debug, warn: log.warn?.bind(log) ?? SILENT.warn },
  }
}

function refuse(wrong, message) {
  if (wrong) throw new TypeError(`@menjin/node: ${message}`)
}

function isBase(url) {
  if (typeof url !== 'string' || !URL.canParse(url) || url.endsWith('/')) return false
  const { protocol, search, hash } = new URL(url)
  return ['http:', 'https:'].includes(protocol) && search === '' && hash === ''
}
