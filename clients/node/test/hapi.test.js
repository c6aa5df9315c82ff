// The hapi strategy, in a real hapi.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import Hapi from '@hapi/hapi'
import { plugin } from '../src/hapi.js'
import { behavesAsAPlug } from './plug.js'
import { Mint, USER, SESSION } from './mint.js'
import { quiet } from './harness.js'

behavesAsAPlug(async (t, verifier) => {
  const server = Hapi.server({ port: 0, host: '127.0.0.1' })
  await server.register(plugin)
  server.auth.strategy('menjin', 'menjin', { verifier })
  server.auth.default('menjin')
  const cart = async ({ auth }) => ({ cart: (await auth.credentials.session.get('cart')) ?? [] })
  server.route([
    {
      path: '/me',
      method: 'GET',
      handler: ({ auth: { credentials } }) => ({
        user: credentials.user,
        session: credentials.session,
        app: credentials.clientId,
      }),
    },
    {
      path: '/maybe',
      method: 'GET',
      options: { auth: { mode: 'optional' } },
      handler: ({ auth }) => ({ user: auth.credentials?.user ?? null }),
    },
    {
      path: '/boss',
      method: 'GET',
      handler: ({ auth }) => {
        auth.artifacts.caller.require('orders:read')
        return { boss: true }
      },
    },
    {
      path: '/clerk',
      method: 'GET',
      handler: ({ auth: { artifacts } }) => {
        artifacts.caller.requireRole('clerk')
        artifacts.caller.require('orders:list')
        return { clerk: artifacts.caller.user }
      },
    },
    { path: '/cart', method: 'GET', handler: cart },
    {
      path: '/cart',
      method: 'POST',
      handler: async (request) => {
        await request.auth.credentials.session.update('cart', (cart = []) => [...cart, request.payload.item])
        return cart(request)
      },
    },
  ])
  await server.start()
  t.after(() => server.stop())
  return server.info.uri
})

async function minted(routes, more = {}) {
  const mint = await Mint.open()
  const server = Hapi.server()
  await server.register(plugin)
  server.auth.strategy('menjin', 'menjin', { ...mint.options, log: quiet(), ...more })
  routes(server)
  const ask = async (url, claims) => {
    const headers = claims ? { authorization: `Bearer ${await mint.token(claims)}` } : {}
    return server.inject({ url, headers })
  }
  return { server, mint, ask }
}

test('the strategy makes its own verifier from options, and shows it', async () => {
  const { server, ask } = await minted((server) => {
    server.route({ path: '/', method: 'GET', options: { auth: 'menjin' }, handler: ({ auth }) => auth.credentials })
  })
  const { statusCode, result } = await ask('/', { scope: 'a', roles: ['clerk'], permissions: ['orders:read'] })
  assert.equal(statusCode, 200)
  assert.deepEqual([result.user, result.session.id], [USER, SESSION])
  assert.deepEqual(result.scope, ['a', 'role:clerk', 'orders:read'])
  assert.equal(typeof server.auth.api.menjin.openSession, 'function')
  await server.stop()
})

test('what a handler refuses is told in the language that the client asks for', async () => {
  const { server, mint } = await minted((server) => {
    server.route({
      path: '/boss',
      method: 'GET',
      options: { auth: 'menjin' },
      handler: ({ auth }) => auth.artifacts.caller.require('orders:read'),
    })
  })
  const headers = { authorization: `Bearer ${await mint.token({})}`, 'accept-language': 'zh-CN' }
  const answer = await server.inject({ url: '/boss', headers })
  assert.deepEqual([answer.statusCode, answer.headers['content-language']], [403, 'zh-CN'])
  assert.equal(answer.result.title, '没有权限')
})

test("hapi's own scope and entity rules hold", async () => {
  const { ask } = await minted((server) => {
    const route = (path, access) =>
      server.route({ path, method: 'GET', options: { auth: { strategy: 'menjin', access } }, handler: () => 'in' })
    route('/orders', { scope: ['orders:read'] })
    route('/clerks', { scope: ['role:clerk'] })
    route('/people', { entity: 'user' })
  })
  assert.equal((await ask('/orders', { permissions: ['orders:read'] })).statusCode, 200)
  assert.equal((await ask('/orders', { permissions: ['stock:read'] })).statusCode, 403)
  assert.equal((await ask('/clerks', { roles: ['clerk'] })).statusCode, 200)
  assert.equal((await ask('/clerks', { permissions: ['role:clerk'] })).statusCode, 403)
  assert.equal((await ask('/people', {})).statusCode, 200)
})

test('beside another strategy a missing token leaves the way free, and a bad one does not', async () => {
  const { server, mint } = await minted((server) => {
    server.auth.scheme('other', () => ({
      authenticate: (request, h) =>
        request.headers.other
          ? h.authenticated({ credentials: { user: 'other' } })
          : h.unauthenticated(
              Object.assign(new Error('none'), {
                isMissing: true,
                isBoom: true,
                output: { statusCode: 401, payload: {}, headers: { 'WWW-Authenticate': 'Other' } },
              }),
            ),
    }))
    server.auth.strategy('other', 'other')
    server.route({
      path: '/',
      method: 'GET',
      options: { auth: { strategies: ['menjin', 'other'] } },
      handler: ({ auth }) => auth.credentials.user,
    })
    server.route({
      path: '/try',
      method: 'GET',
      options: { auth: { strategy: 'menjin', mode: 'try' } },
      handler: ({ auth }) => ({ is: auth.isAuthenticated, code: auth.error?.code ?? null }),
    })
  })
  const get = (headers, url = '/') => server.inject({ url, headers })
  assert.equal((await get({ other: 'x' })).result, 'other')
  assert.equal((await get({ authorization: `Bearer ${await mint.token()}` })).result, USER)
  assert.equal((await get({ authorization: 'Bearer x.y.z', other: 'x' })).statusCode, 401)
  const none = await get({})
  assert.equal(none.statusCode, 401)
  assert.match(none.headers['www-authenticate'], /Bearer realm="menjin".*Other/)
  assert.deepEqual((await get({ authorization: 'Bearer x.y.z' }, '/try')).result, { is: false, code: 'token_invalid' })
})

test("a strategy with options that can't be meant does not start", async () => {
  const server = Hapi.server()
  await server.register(plugin)
  assert.throws(() => server.auth.strategy('menjin', 'menjin', { issuer: 'https://login.example.com' }), {
    message: /audience is missing/,
  })
})
