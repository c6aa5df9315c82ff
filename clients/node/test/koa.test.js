// The Koa middleware, in a real Koa.

import { once } from 'node:events'
import Koa from 'koa'
import { guard } from '../src/koa.js'
import { behavesAsAPlug } from './plug.js'

/** Koa brings no router and no parser of bodies; a few lines do here. */
async function body(ctx) {
  const chunks = []
  for await (const chunk of ctx.req) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}

const ROUTES = {
  'GET /me': (ctx) => {
    const { user, session, clientId } = ctx.state.menjin
    ctx.body = { user, session, app: clientId }
  },
  'GET /boss': (ctx) => {
    ctx.state.menjin.require('orders:read')
    ctx.body = { boss: true }
  },
  'GET /clerk': (ctx) => {
    ctx.body = { clerk: ctx.state.menjin.user }
  },
  'GET /cart': async (ctx) => {
    ctx.body = { cart: (await ctx.state.menjin.session.get('cart')) ?? [] }
  },
  'POST /cart': async (ctx) => {
    const { item } = await body(ctx)
    const cart = await ctx.state.menjin.session.update('cart', (cart = []) => [...cart, item])
    ctx.body = { cart }
  },
}

behavesAsAPlug(async (t, verifier) => {
  const app = new Koa()
  const maybe = guard(verifier, { optional: true })
  app.use((ctx, next) => {
    if (ctx.path !== '/maybe') return next()
    return maybe(ctx, () => {
      ctx.body = { user: ctx.state.menjin?.user ?? null }
    })
  })
  app.use(guard(verifier))
  const clerk = guard(verifier, { role: 'clerk', permission: 'orders:list' })
  app.use((ctx, next) => (ctx.path === '/clerk' ? clerk(ctx, next) : next()))
  app.use((ctx) => ROUTES[`${ctx.method} ${ctx.path}`](ctx))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${server.address().port}`
})
