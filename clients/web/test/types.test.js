// The types, and both forms of the built package.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { built, web } from './browser.js'

const run = promisify(execFile)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

async function compiled(...words) {
  const running = run(process.execPath, [here('../node_modules/typescript/bin/tsc'), ...words], { cwd: here('..') })
  const { stdout } = await running.catch((error) => error)
  return stdout
}

test('a site that uses all of the types compiles', async () => {
  const strict = ['--noEmit', '--strict', '--target', 'es2020', '--lib', 'es2020,dom,dom.iterable', '--module', 'esnext', '--moduleResolution', 'bundler']
  assert.equal(await compiled(...strict, '--skipLibCheck', '--types', 'node', here('uses_types.ts')), '')
})

test('the sources compile', async () => {
  assert.equal(await compiled('-p', here('..'), '--noEmit', '--emitDeclarationOnly', 'false'), '')
})

test('import and require give the same', () => {
  const names = ['createClient', 'intercept', 'ownPath']
  assert.deepEqual(Object.keys(web).sort(), names)
  assert.deepEqual(Object.keys(createRequire(import.meta.url)(join(built, 'web.cjs'))).sort(), names)
})
