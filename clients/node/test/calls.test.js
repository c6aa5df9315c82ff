// What this program asks of menjin: how it proves who it is, and what it makes of refusals.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Calls } from '../src/calls.js'
import { quiet } from './harness.js'

function calls(answer, app = { id: 'shop', secret: 's' }) {
  const asked = []
  const fetch = async (url, request) => {
    asked.push({ url, ...request })
    return answer()
  }
  return { asked, calls: new Calls({ url: 'https://login.example.com/auth', app, fetch, log: quiet() }) }
}

const problem = (status, body) => () => new Response(JSON.stringify(body), { status })

async function thrown(answer) {
  return calls(answer)
    .calls.ask('GET', '/v1/x?scope=user')
    .catch((error) => error)
}

test('id and secret are form-encoded in Basic, so that any character may stand in them', async () => {
  const { asked, calls: ours } = calls(problem(200, {}), { id: 'shop:1', secret: 'a b+%/ü:"' })
  await ours.ask('GET', '/v1/x')
  const [id, secret] = Buffer.from(asked[0].headers.authorization.slice(6), 'base64').toString().split(':')
  assert.equal(secret, 'a+b%2B%25%2F%C3%BC%3A%22')
  const decoded = (text) => new URLSearchParams(`x=${text}`).get('x')
  assert.deepEqual([decoded(id), decoded(secret)], ['shop:1', 'a b+%/ü:"'])
  assert.equal(asked[0].url, 'https://login.example.com/auth/v1/x')
})

test("what concerns the person is a refusal with menjin's code, and what it told of a replacement", async () => {
  const replaced_by = { device: { class: 'phone', name: 'x' }, at: '2026-11-21T12:00:00Z' }
  const error = await thrown(
    problem(401, { code: 'session_replaced', title: 'T', status: 401, action: 'relogin', replaced_by }),
  )
  assert.deepEqual([error.name, error.status, error.problem.replaced_by], ['Refusal', 401, replaced_by])
  const unknown = await thrown(
    problem(401, { code: 'moved_away', title: 'Gone', detail: 'Far.', status: 401, action: 'reauth' }),
  )
  assert.deepEqual(
    [unknown.problem.code, unknown.problem.title, unknown.problem.action],
    ['moved_away', 'Gone', 'reauth'],
  )
  assert.match(unknown.output.headers['WWW-Authenticate'], /^Bearer /)
})

test("what is wrong with us is an error that no framework takes for the client's", async () => {
  for (const [status, code] of [
    [401, 'client_invalid'],
    [403, 'insufficient_scope'],
    [404, 'user_unknown'],
    [413, 'session_data_full'],
  ]) {
    const error = await thrown(problem(status, { code, detail: 'Why.' }))
    assert.deepEqual(
      [error.name, error.message, error.status, error.answer.status],
      ['MenjinError', `GET /v1/x: ${status} ${code}: Why.`, undefined, status],
    )
  }
})

test('menjin being away, busy or hidden behind something else is a 503', async () => {
  const away = () => {
    throw new TypeError('fetch failed')
  }
  const page = () => new Response('<html>', { status: 502 })
  for (const answer of [
    away,
    page,
    problem(503, { code: 'store_unavailable' }),
    problem(429, { code: 'too_many_requests' }),
    () => new Response('not JSON'),
  ]) {
    const error = await thrown(answer)
    assert.deepEqual([error.name, error.code, error.status], ['Refusal', 'menjin_unavailable', 503])
  }
})

test('an answer without end is not read to its end', async () => {
  const endless = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536).fill(32)) }))
  assert.equal((await thrown(endless)).code, 'menjin_unavailable')
})
