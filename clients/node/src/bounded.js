// Answers of menjin, read with a bound: in bytes here, in time by the signal that `fetch` was given.

/** The whole body as text; an error when it is longer than `most` bytes. */
export async function text(response, most) {
  const chunks = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > most) throw new Error(`the answer is longer than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Why a fetch failed, with the cause that `fetch failed` hides. */
export function because(error) {
  const cause = error?.cause?.code ?? error?.cause?.message
  return cause ? `${error.message} (${cause})` : String(error?.message ?? error)
}
