// Programs as readers write them: files in a folder with the packages at hand, started, asked over HTTP, and ended.

import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
export const REPO = join(PACKAGE, '../..')

/** The blocks of a page in this language; those that open with `// name.js` are files. */
export async function blocks(page, language) {
  const text = await readFile(join(REPO, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, kind]) => kind === language)
    .map(([, , code]) => code)
}

export async function filesOf(page) {
  const named = (await blocks(page, 'js')).map((code) => [/^\/\/ (\S+\.js)\n/.exec(code)?.[1], code])
  return Object.fromEntries(named.filter(([name]) => name))
}

/** A folder with these files, and everything that `npm install` would have brought. */
export async function folder(t, files, { type = 'module' } = {}) {
  const path = await mkdtemp(join(tmpdir(), 'menjin-project-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  const modules = join(path, 'node_modules')
  await mkdir(join(modules, '@menjin'), { recursive: true })
  await symlink(PACKAGE, join(modules, '@menjin/node'))
  const installed = await readdir(join(PACKAGE, 'node_modules'))
  for (const name of installed.filter((name) => !name.startsWith('.') && name !== '@menjin')) {
    await symlink(join(PACKAGE, 'node_modules', name), join(modules, name))
  }
  const all = { 'package.json': JSON.stringify({ name: 'project', type }), ...files }
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text)
  }
  return path
}

/** The code with the addresses that a page prints changed to those of this run; a program takes any free port. */
export function here(code, menjin, own = '') {
  return code
    .replaceAll('http://127.0.0.1:7600', menjin.url)
    .replaceAll('http://127.0.0.1:7701', own)
    .replaceAll(/(port: |listen\()7701/g, '$10')
}

/** Starts `node` there, and gives the first address that it prints. */
export async function started(t, path, file, environment = {}) {
  const child = spawn(process.execPath, [file], {
    cwd: path,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (data) => (said += data))
  const ended = new Promise((resolve) => child.once('exit', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
    if (url) {
      child.stdout.resume()
      return url
    }
  }
  throw new Error(`${file} ended before it said where it is:\n${said}`)
}
