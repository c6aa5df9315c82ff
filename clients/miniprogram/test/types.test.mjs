// The types: a mini program that uses all of them compiles against the platform's own.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

async function compiled(...words) {
  const running = run(process.execPath, [here('../node_modules/typescript/bin/tsc'), ...words], { cwd: here('..') })
  const { stdout } = await running.catch((error) => error)
  return stdout
}

test('a mini program that uses all of the types compiles', async () => {
  const strict = ['--noEmit', '--strict', '--target', 'es2020', '--lib', 'es2020', '--module', 'esnext', '--moduleResolution', 'bundler']
  assert.equal(await compiled(...strict, '--types', 'miniprogram-api-typings', here('uses_types.ts'), here('../timers.d.ts')), '')
})

test('the sources compile with the library of ES2015 and timers alone', async () => {
  assert.equal(await compiled('-p', here('..'), '--noEmit', '--emitDeclarationOnly', 'false'), '')
})
