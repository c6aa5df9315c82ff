// Answers of menjin, read with a bound: in bytes, and in time by the signal that `fetch` was given.

/**
 * The body as it comes, until `signal` ends it. Node's `fetch` does not see to that by itself: it forgets the signal once
 * nobody holds the response, though its body is being read.
 */
export async function* chunks(response, signal) {
  if (!response.body) return
  const reader = response.body.getReader()
  const cancel = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  try {
    for (;;) {
      signal.throwIfAborted()
      const { done, value } = await reader.read()
      signal.throwIfAborted()
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    cancel()
  }
}

/** The whole body as text; an error when it is longer than `most` bytes, or `signal` comes first. */
export async function text(response, most, signal) {
  const read = []
  let length = 0
  for await (const chunk of chunks(response, signal)) {
    length += chunk.length
    if (length > most) throw new Error(`the answer is longer than ${most} bytes`)
    read.push(chunk)
  }
  return Buffer.concat(read).toString('utf8')
}

/** Why a fetch failed, with the cause that `fetch failed` hides. */
export function because(error) {
  const cause = error?.cause?.code ?? error?.cause?.message
  return cause ? `${error.message} (${cause})` : String(error?.message ?? error)
}
