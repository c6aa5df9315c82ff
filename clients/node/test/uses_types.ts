// Compiled by types.test.js, never run.

import express from 'express'
import Hapi from '@hapi/hapi'
import Koa from 'koa'
import { Caller, MenjinError, Refusal, Session, createVerifier, permits } from '../src/index.js'
import type { Opened, Verifier, VerifierOptions } from '../src/index.js'
import { guard, refusals } from '../src/express.js'
import { guard as koaGuard } from '../src/koa.js'
import { plugin } from '../src/hapi.js'
import type { MenjinArtifacts, MenjinCredentials, StrategyOptions } from '../src/hapi.js'

const options: VerifierOptions = {
  issuer: 'https://login.example.com',
  audience: 'shop',
  app: { id: 'shop-api', secret: 's' },
  log: console,
  legacy: [{ name: 'old', secret: 's', user: 'external_id', until: new Date() }],
}
const verifier: Verifier = createVerifier(options)

export async function all(token: string): Promise<string | null> {
  await verifier.ready({ timeout: 1000 })
  const caller: Caller = await verifier.check({ authorization: `Bearer ${token}` })
  caller.require('orders:read')
  const session: Session | null = caller.session
  const items = await session?.get<string[]>('cart')
  await session?.update<string[]>('cart', (cart = []) => [...cart, 'tea'], { ttl: 60 })
  await session?.merge({ step: 2, coupon: undefined })
  await verifier.sessionData(token, { scope: 'user' }).ofUser.flush()
  const opened: Opened = await verifier.openSession({ external_id: '42', app: 'shop', claims: { shop: 7 } })
  // @ts-expect-error an unknown option
  createVerifier({ ...options, issuers: 1 })
  return items?.[0] ?? opened.access_token ?? (permits('a', 'a') ? caller.user : null)
}

export function told(error: unknown): number {
  if (error instanceof Refusal) return error.in('zh').output.payload.status
  return error instanceof MenjinError ? error.answer.status : 500
}

express().use(guard(verifier, { optional: true }), refusals())
new Koa().use(koaGuard(verifier))
const server = Hapi.server()
await server.register(plugin)
server.auth.strategy('menjin', 'menjin', options satisfies StrategyOptions)
server.route({
  method: 'GET',
  path: '/',
  handler: ({ auth }) => {
    const credentials = auth.credentials as unknown as MenjinCredentials
    const { caller } = auth.artifacts as unknown as MenjinArtifacts
    return [credentials.user, caller.clientId].join()
  },
})
