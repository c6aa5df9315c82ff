// Where tokens are kept. Whatever is chosen, any script that runs on the page can use them, and with all but memory read them:
// what keeps them safe is that no foreign script runs (a Content-Security-Policy), not the place.

/**
 * `memory`: gone with the page, each reload signs in again. `session`: this tab, over reloads; the default. `local`: all tabs,
 * until signed out. Or an object of your own.
 */
export type StorageChoice = 'memory' | 'session' | 'local' | Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

export interface Place {
  read(key: string): unknown
  write(key: string, value: unknown): void
}

/** What the browser does not keep is remembered as long as the page lives. */
export function placeOf(choice: StorageChoice): Place {
  const memory = new Map<string, string>()
  const storage = () => (choice === 'memory' ? undefined : choice === 'session' ? sessionStorage : choice === 'local' ? localStorage : choice)
  return {
    read(key) {
      try {
        return JSON.parse(storage()?.getItem(key) ?? memory.get(key) ?? 'null')
      } catch {
        return null
      }
    },
    write(key, value) {
      const text = JSON.stringify(value)
      memory.delete(key)
      if (choice === 'memory') return void memory.set(key, text)
      try {
        storage()!.setItem(key, text)
      } catch {
        memory.set(key, text)
        try {
          // Better nothing than a token that was traded since.
          storage()!.removeItem(key)
        } catch {}
      }
    },
  }
}
