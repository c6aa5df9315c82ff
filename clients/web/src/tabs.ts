// The other tabs: one refresh among them all, and what one learns the others hear.

import type { Kept, Over } from '../../miniprogram/src/session/session'

/** A tab that froze with the lock in hand must not stop the others: menjin repeats a refresh for those who ask twice. */
const PATIENCE = 10_000

/** Runs `work` while no other tab runs its own; by itself where that can't be had. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
  if (!locks) return work()
  const giveUp = new AbortController()
  const timer = setTimeout(() => giveUp.abort(), PATIENCE)
  let began = false
  try {
    return await locks.request(name, { signal: giveUp.signal }, () => {
      began = true
      clearTimeout(timer)
      return work()
    })
  } catch (error) {
    if (began) throw error
    // Waited for too long, or locks are refused here (an opaque origin).
    return work()
  } finally {
    clearTimeout(timer)
  }
}

export interface Tabs {
  tell(record: Kept | Over): void
  close(): void
}

/** `heard` gets what another tab has written. */
export function tabsOf(name: string, heard: (record: Kept | Over) => void): Tabs {
  if (typeof BroadcastChannel === 'undefined') {
    if (typeof addEventListener === 'undefined') return { tell() {}, close() {} }
    // Storage that tabs share tells by itself.
    const listen = (event: StorageEvent) => {
      if (event.key !== name || !event.newValue) return
      try {
        heard(JSON.parse(event.newValue))
      } catch {}
    }
    addEventListener('storage', listen)
    return { tell() {}, close: () => removeEventListener('storage', listen) }
  }
  const channel = new BroadcastChannel(name)
  channel.onmessage = (event: MessageEvent) => heard(event.data)
  return { tell: (record) => channel.postMessage(record), close: () => channel.close() }
}
