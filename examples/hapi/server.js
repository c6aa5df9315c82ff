// The same back end behind menjin: no AppSecret, no session_key, no tokens of its own. Old mini programs go on as they were;
// new ones sign in at menjin, and have a session for each device.

import Hapi from '@hapi/hapi'
import { plugin as menjin } from '@menjin/node/hapi'

const { MENJIN = 'http://127.0.0.1:7600', MENJIN_SECRET, HAPI_SECRET, JWT_SECRET, PORT = '7701' } = process.env
/** When the last old mini program is out of people's pockets. */
const UNTIL = '2099-06-30T00:00:00+08:00'

const server = Hapi.server({ host: '127.0.0.1', port: PORT })
await server.register(menjin)
server.auth.strategy('menjin', 'menjin', {
  issuer: MENJIN,
  audience: 'demo',
  app: { id: 'demo-backend', secret: MENJIN_SECRET },
  bare: true,
  legacy: [
    { name: 'wxLogin', secret: HAPI_SECRET, until: UNTIL }, // what menjin gives to old mini programs
    { name: 'before', secret: JWT_SECRET, until: UNTIL }, // what this program gave them before
  ],
})
server.auth.default('menjin')

/** Old mini programs still ask here; menjin knows their way of asking. */
async function wxLogin({ payload }, h) {
  const request = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(payload) }
  const answer = await fetch(`${MENJIN}/users/wxLogin`, request)
  return h
    .response(await answer.text())
    .code(answer.status)
    .type(answer.headers.get('content-type'))
}

/** Behind an old token there is no session of menjin's: what was kept by user stays so until the last one is gone. */
const kept = new Map()

function sessionOf({
  auth: {
    credentials: { session, legacy },
  },
}) {
  if (session) return session
  return {
    get: (key) => kept.get(legacy.number)?.[key],
    update(key, change) {
      const next = change(this.get(key))
      kept.set(legacy.number, { ...kept.get(legacy.number), [key]: next })
      return next
    },
  }
}

/** Of all that menjin knows, what this program showed before. Menjin takes either token here. */
async function me(
  {
    headers: { authorization },
    auth: {
      credentials: { legacy },
    },
  },
  h,
) {
  if (legacy?.name === 'before') return { userId: legacy.number, nickname: null }
  const answer = await fetch(`${MENJIN}/v1/me`, { headers: { authorization } })
  if (!answer.ok)
    return h
      .response(await answer.text())
      .code(answer.status)
      .type('application/problem+json')
  const { user } = await answer.json()
  return { userId: user.number, nickname: user.nickname }
}

server.route([
  { method: 'POST', path: '/users/wxLogin', options: { auth: false }, handler: wxLogin },
  { method: 'GET', path: '/users/me', handler: me },
  {
    method: 'GET',
    path: '/cart',
    handler: async (request) => ({ cart: (await sessionOf(request).get('cart')) ?? [] }),
  },
  {
    method: 'POST',
    path: '/cart/{item}',
    handler: async (request) => ({
      cart: await sessionOf(request).update('cart', (cart = []) => [...cart, request.params.item]),
    }),
  },
])

await server.start()
console.log(`after: ${server.info.uri}/`)
