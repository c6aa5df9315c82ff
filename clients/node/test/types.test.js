// The types: a program that uses all of them compiles, and nothing is exported that they do not name.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

test('a program that uses all of the types compiles', async () => {
  const strict = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  const compiled = run(
    process.execPath,
    [here('../node_modules/typescript/bin/tsc'), ...strict, here('uses_types.ts')],
    { cwd: here('..') },
  )
  const { stdout } = await compiled.catch((error) => error)
  assert.equal(stdout, '')
})

for (const name of ['index', 'hapi', 'express', 'koa']) {
  test(`${name}.d.ts names what ${name}.js exports`, async () => {
    const text = await readFile(here(`../src/${name}.d.ts`), 'utf8')
    const typed = [...text.matchAll(/^export declare (?:function|class|const) (\w+)/gm)].map(([, name]) => name)
    assert.deepEqual(typed.sort(), Object.keys(await import(`../src/${name}.js`)).sort())
  })
}

test('the methods of the classes are those that are typed', async () => {
  const text = await readFile(here('../src/index.d.ts'), 'utf8')
  const exported = await import('../src/index.js')
  for (const name of ['Verifier', 'Caller', 'Session']) {
    const [, body] = new RegExp(`export declare class ${name} \\{(.*?)^\\}`, 'ms').exec(text)
    const typed = [...body.matchAll(/^ {2}(\w+)(?:<.*?>)?\(/gm)]
      .map(([, method]) => method)
      .filter((method) => method !== 'constructor')
    const prototype = exported[name].prototype
    const ours = Object.getOwnPropertyNames(prototype).filter(
      (key) => !['constructor', 'ofUser', 'toJSON', 'toString'].includes(key),
    )
    assert.deepEqual(typed.sort(), ours.sort(), name)
  }
})
