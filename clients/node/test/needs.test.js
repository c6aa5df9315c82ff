// What routes ask of their callers, in a real Express and a real Koa.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import express from 'express'
import Koa from 'koa'
import { guard as ofExpress } from '../src/express.js'
import { createVerifier } from '../src/index.js'
import { guard as ofKoa } from '../src/koa.js'
import { quiet } from './harness.js'
import { Mint } from './mint.js'

const FRAMEWORKS = {
  Express: { guard: ofExpress, program: (guard) => express().use(guard, (_, response) => response.json({})) },
  Koa: {
    guard: ofKoa,
    program(guard) {
      const inside = (ctx) => {
        ctx.body = {}
      }
      return new Koa().use(guard).use(inside).callback()
    },
  },
}

for (const [name, { guard, program }] of Object.entries(FRAMEWORKS)) {
  test(`${name} lets in who has all that a route needs, and no stranger, optional or not`, async (t) => {
    const mint = await Mint.open()
    const verifier = createVerifier({ ...mint.options, log: quiet() })
    const ask = async (options, claims) => {
      const server = createServer(program(guard(verifier, options))).listen(0, '127.0.0.1')
      await once(server, 'listening')
      t.after(() => server.close().closeAllConnections())
      const headers = claims ? { authorization: `Bearer ${await mint.token(claims)}` } : {}
      const response = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers })
      return [response.status, (await response.json()).code]
    }
    const [role, permission, scope] = ['clerk', 'orders:read', 'profile']
    const [clerk, boss] = [{ roles: ['clerk'] }, { roles: ['boss'], permissions: ['orders:*', 'stock:*'] }]
    for (const [options, claims, status, code] of [
      [{ role }, clerk, 200, undefined],
      [{ role }, boss, 403, 'forbidden'],
      [{ role: ['clerk', 'boss'] }, clerk, 403, 'forbidden'],
      [{ permission }, boss, 200, undefined],
      [{ permission: ['orders:read', 'stock:read'] }, boss, 200, undefined],
      [{ permission: ['orders:read', 'staff:read'] }, boss, 403, 'forbidden'],
      [{ permission }, clerk, 403, 'forbidden'],
      [{ role, permission }, { ...clerk, permissions: ['orders:*'] }, 200, undefined],
      [{ role, permission }, clerk, 403, 'forbidden'],
      [{ scope }, { scope: 'openid profile' }, 200, undefined],
      [{ scope }, { scope: 'profiles' }, 403, 'insufficient_scope'],
      [{ role }, undefined, 401, 'token_missing'],
      [{ role, optional: true }, undefined, 401, 'token_missing'],
      [{ role, optional: true }, boss, 403, 'forbidden'],
      [{ role: undefined, optional: true }, undefined, 200, undefined],
    ]) {
      assert.deepEqual(await ask(options, claims), [status, code], JSON.stringify({ options, claims }))
    }
  })

  test(`a need that can't be meant is refused when ${name} starts`, () => {
    const wrong = [{ permissions: 'orders:read' }, { roles: ['clerk'] }, { role: '' }, { role: [] }, { scope: [1] }, { role: null }]
    for (const options of wrong) assert.throws(() => guard({}, options), TypeError, JSON.stringify(options))
  })
}
