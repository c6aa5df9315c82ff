// The Express middleware, in a real Express.

import { once } from 'node:events'
import express from 'express'
import { guard, refusals } from '../src/express.js'
import { behavesAsAPlug } from './plug.js'

behavesAsAPlug(async (t, verifier) => {
  const app = express()
  const cart = async (request, response) => response.json({ cart: (await request.menjin.session.get('cart')) ?? [] })
  app.get('/maybe', guard(verifier, { optional: true }), (request, response) => {
    response.json({ user: request.menjin?.user ?? null })
  })
  app.use(guard(verifier), express.json())
  app.get('/me', (request, response) => {
    const { user, session, clientId } = request.menjin
    response.json({ user, session, app: clientId })
  })
  app.get('/boss', (request, response) => {
    request.menjin.require('orders:read')
    response.json({ boss: true })
  })
  app.get('/clerk', guard(verifier, { role: 'clerk', permission: ['orders:list'] }), (request, response) => {
    response.json({ clerk: request.menjin.user })
  })
  app.get('/cart', cart)
  app.post('/cart', async (request, response) => {
    await request.menjin.session.update('cart', (cart = []) => [...cart, request.body.item])
    await cart(request, response)
  })
  app.use(refusals())
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${server.address().port}`
})
