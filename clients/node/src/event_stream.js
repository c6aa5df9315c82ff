// The events of a `text/event-stream` (HTML standard, section 9.2), as far as menjin sends them.

/** Nothing that menjin sends in one event is longer. */
const MOST_CHARACTERS = 8 * 1024 * 1024

/**
 * @param {AsyncIterable<Uint8Array>} body
 * @returns {AsyncGenerator<{ event: string, id: string, data: string }>}
 */
export async function* events(body) {
  const decoder = new TextDecoder()
  let rest = ''
  let event = blank()
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length + event.data.length > MOST_CHARACTERS) throw new Error('an event is too long')
    // A CR at the end may be half of a CR LF: it waits for the next chunk.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()
    for (const line of lines) {
      if (line !== '') {
        take(event, line)
      } else {
        if (event.data !== '') yield { ...event, data: event.data.slice(0, -1) }
        event = blank()
      }
    }
  }
}

function blank() {
  return { event: 'message', id: '', data: '' }
}

function take(event, line) {
  const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)
  if (field === 'event') event.event = value
  if (field === 'id') event.id = value
  if (field === 'data') event.data += `${value}\n`
}
