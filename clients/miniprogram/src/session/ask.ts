// One request and its answer, as every platform's adapter takes and gives them; and a few small tools.
//
// No `async`, no spread: what they become for old engines is larger than all the rest, and some packers then ask for more.

export interface Ask {
  url: string
  method?: string
  header?: Record<string, string>
  data?: unknown
  /** In milliseconds. */
  timeout?: number
  /** Passed on to the platform as it is. */
  [more: string]: unknown
}

/** Every status is an answer. */
export interface Answer<T = unknown> {
  statusCode: number
  data: T
  header: Record<string, string>
}

/** Sends once. Refused, with a `MenjinError` of status 0, only where no answer came. */
export type Send = (ask: Ask) => Promise<Answer>

export const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Random text for names that nobody shall share by accident; no secret. */
export const random = (): string => {
  let text = Date.now().toString(36)
  while (text.length < 32) text += Math.random().toString(36).slice(2)
  return text.slice(0, 32)
}

/** The first one's members and the second one's, which count more; without those that are undefined. */
export function both<A extends object, B extends object>(first: A | undefined, second: B | undefined): A & B {
  const whole: any = {}
  ;[first, second].forEach((part: any) => {
    for (const name in part) if (part[name] !== undefined) whole[name] = part[name]
  })
  return whole
}

/** A promise that is kept already. */
export const given = <T>(value: T): Promise<T> => Promise.resolve(value)

/** A promise that is broken already. */
export const refused = (error: unknown): Promise<never> => Promise.reject(error)

/** What it gives, or nothing where it throws. */
export const tried = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch (_) {}
}

/** What JSON says, or the text itself. */
export const parsed = (text: unknown): unknown => {
  try {
    return JSON.parse(text as string)
  } catch (_) {
    return text
  }
}
