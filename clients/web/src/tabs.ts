// The other tabs: one refresh among them all, and what one learns the others hear.

import type { Kept, Over } from '../../miniprogram/src/session/session'

/** A tab that froze with the lock in hand must not stop the others: menjin repeats a refresh for those who ask twice. */
const PATIENCE = 10_000

/**
 * How long the news of whoever had the lock before may be on its way. Storage is no surer: browsers bring what another tab
 * wrote there after the lock that it let go of.
 */
const LAG = 1_000

/** `tell` reaches the other tabs, whose `hear` is called. */
interface Line {
  tell(record: Kept | Over): void
  close(): void
}

export interface Tabs extends Line {
  /** Runs `work` while no other tab runs its own, and not before their news is here; by itself where that can't be had. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

/** `heard` gets what another tab has written. */
export function tabsOf(name: string, heard: (record: Kept | Over) => void): Tabs {
  let news = 0
  let wake = () => {}
  const line = lineTo(name, (record) => {
    heard(record)
    news++
    wake()
  })

  async function alone<T>(work: () => Promise<T>): Promise<T> {
    const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
    if (!locks) return work()
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), PATIENCE)
    const known = news
    let began = false
    const begin = () => {
      began = true
      clearTimeout(timer)
      return work()
    }
    try {
      // In an object, since `work` may give anything.
      const done = await locks.request(name, { ifAvailable: true }, async (lock) => lock && { of: await begin() })
      if (done) return done.of
      return await locks.request(name, { signal: giveUp.signal }, async () => {
        if (news === known) await Promise.race([new Promise<void>((go) => (wake = go)), new Promise((go) => setTimeout(go, LAG))])
        return begin()
      })
    } catch (error) {
      if (began) throw error
      // Waited for too long, or locks are refused here (an opaque origin).
      return work()
    } finally {
      clearTimeout(timer)
    }
  }

  return { ...line, alone }
}

function lineTo(name: string, hear: (record: Kept | Over) => void): Line {
  if (typeof BroadcastChannel === 'undefined') {
    if (typeof addEventListener === 'undefined') return { tell() {}, close() {} }
    // Storage that tabs share tells by itself.
    const listen = (event: StorageEvent) => {
      if (event.key !== name || !event.newValue) return
      try {
        hear(JSON.parse(event.newValue))
      } catch {}
    }
    addEventListener('storage', listen)
    return { tell() {}, close: () => removeEventListener('storage', listen) }
  }
  const channel = new BroadcastChannel(name)
  let isOpen = true
  channel.onmessage = (event: MessageEvent) => hear(event.data)
  return {
    tell(record) {
      if (isOpen) channel.postMessage(record)
    },
    close() {
      isOpen = false
      channel.close()
    },
  }
}
