// A feed of paper: an HTTP server that answers `GET /v1/revocations/stream` as a test says, and the keys of a mint.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createVerifier } from '../src/index.js'
import { closing, quiet, until } from './harness.js'
import { ISSUER } from './mint.js'

export class PaperFeed {
  /** What was asked: `{ since, authorization }`. */
  asked = []
  /** How often the feed was asked for without a stream. */
  plainly = 0
  /**
   * How the next ones are answered, in the place of a stream; `full`: no stream, but plainly; `mute`: a silent one;
   * `still`: one that says one thing, and plainly.
   */
  status = 200
  open = new Set()
  #places = 0

  static async start(t, mint) {
    const feed = new PaperFeed()
    feed.mint = mint
    feed.server = createServer((request, response) => feed.#answer(request, response))
    feed.server.listen(0, '127.0.0.1')
    await once(feed.server, 'listening')
    t.after(() => feed.server.close().closeAllConnections())
    feed.url = `http://127.0.0.1:${feed.server.address().port}`
    return feed
  }

  verifier(t, more = {}) {
    const { mint } = this
    const fetch = (url, init) => (String(url).includes('jwks') ? mint.fetch(url) : globalThis.fetch(url, init))
    const app = { id: 'shop-api', secret: 's' }
    return closing(
      t,
      createVerifier({
        issuer: ISSUER,
        url: this.url,
        audience: 'shop',
        app,
        now: mint.now,
        fetch,
        log: quiet(),
        ...more,
      }),
    )
  }

  /** To everybody who listens; `read_at` moves on unless told otherwise. */
  tell(events, more = {}) {
    this.open.forEach((response) => this.#send(response, events, more))
  }

  /** Until there are so many listeners. */
  heard(count) {
    return until(`${count} connections`, () => this.asked.length >= count && this.open.size > 0)
  }

  cut() {
    this.open.forEach((response) => response.destroy())
  }

  #answer(request, response) {
    const url = new URL(request.url, this.url)
    if (!url.pathname.endsWith('/stream')) {
      this.plainly += 1
      if (['full', 'still'].includes(this.status)) response.end(JSON.stringify(this.#page(this.first ?? [], {})))
      else response.writeHead(500).end()
      return
    }
    this.asked.push({ since: url.searchParams.get('since'), authorization: request.headers.authorization })
    if (this.status === 'full') {
      response.writeHead(503).end()
      return
    }
    if (this.status >= 400) {
      const problem = JSON.stringify({ code: 'insufficient_scope', detail: 'its scopes are in menjin.toml' })
      response.writeHead(this.status, { 'content-type': 'application/problem+json' }).end(problem)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    this.open.add(response)
    response.on('close', () => this.open.delete(response))
    if (this.status === 'mute') response.flushHeaders()
    else this.#send(response, this.first ?? [], { more: this.firstHasMore })
  }

  #send(response, events, more) {
    const page = this.#page(events, more)
    response.write(`event: revocations\nid: ${page.next}\ndata: ${JSON.stringify(page)}\n\n`)
  }

  #page(events, { more = false, sameReading = false }) {
    if (!sameReading) this.#places += 1
    return { events, next: `p${this.#places}`, more, read_at: new Date(this.#places).toISOString(), max_lag: 30 }
  }
}
