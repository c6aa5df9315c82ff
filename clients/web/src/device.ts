// The id of the device that people sign in on. menjin takes who signs in on the same one again to be back, and ends the session
// before. So it reaches as far as the tokens do; and it comes again, or each new tab would leave a session behind.

import { random } from '../../miniprogram/src/session/ask'
import { placeOf, type Place, type StorageChoice } from './storage'

const KEY = 'menjin.device'
const NUMBER = `${KEY}.number`

/** Nobody has so many tabs: what calls itself locks gives none. */
const MOST = 1000

/** This tab's, among those that are open: the next tab takes that of one that was closed. None where there are no locks. */
let number: Promise<number | undefined> | undefined

/** Gives the id. Where tabs have tokens of their own, call it early: so a reload finds its number free. */
export function deviceOf(choice: StorageChoice, place: Place): () => Promise<string> {
  const isOfTab = choice === 'session' || choice === 'memory'
  if (isOfTab && !number && typeof addEventListener !== 'undefined') {
    number = numbered()
    // Back again by the browser's button, after `pagehide` has given the number away.
    addEventListener('pageshow', (event) => {
      if (event.persisted) number = numbered()
    })
  }
  return async () => {
    const mine = isOfTab ? await number : undefined
    if (mine === undefined) return idIn(place)
    const base = idIn(placeOf('local'))
    // What storage does not take is not there when it is looked for afresh.
    return placeOf('local').read(KEY) === base ? `${base}-${mine}` : idIn(place)
  }
}

function idIn(place: Place): string {
  const known = place.read(KEY)
  const id = typeof known === 'string' ? known : random()
  if (id !== known) place.write(KEY, id)
  return id
}

/** The former one before all others. It is copied with a tab, and is then found taken. */
async function numbered(): Promise<number | undefined> {
  const own = placeOf('session')
  const former = own.read(NUMBER)
  const all = Array.from({ length: MOST }, (_, at) => at)
  try {
    for (const free of typeof former === 'number' ? [former, ...all] : all) {
      if (!(await isHeld(`${KEY}.${free}`))) continue
      own.write(NUMBER, free)
      return free
    }
  } catch {
    // Locks are refused here (an opaque origin), or there are none.
  }
  return undefined
}

/** Takes the lock, if nobody has it, for as long as the page is there: a page with locks in hand is not kept for the way back. */
function isHeld(lock: string): Promise<boolean> {
  return new Promise((tell, fail) => {
    const hold = (given: unknown) => {
      tell(!!given)
      return given ? new Promise<void>((go) => addEventListener('pagehide', () => go(), { once: true })) : undefined
    }
    navigator.locks.request(lock, { ifAvailable: true }, hold).catch(fail)
  })
}
