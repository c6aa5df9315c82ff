// The built file: that of these sources, small, for old engines, and in each form that it comes in.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import ts from 'typescript'
import { build } from '../build.mjs'

const BUILT = fileURLToPath(new URL('../dist/menjin.js', import.meta.url))

async function rebuilt(t) {
  const folder = await mkdtemp(join(tmpdir(), 'menjin-built-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await build(folder)
  return folder
}

test('the committed file is what its sources give, to the byte', async (t) => {
  const folder = await rebuilt(t)
  const [committed, fresh] = [await readFile(BUILT, 'utf8'), await readFile(join(folder, 'menjin.js'), 'utf8')]
  assert.ok(committed === fresh, 'dist/menjin.js is stale: run `cargo xtask gen` and commit it')
})

test('it is smaller than 10 KB', async (t) => {
  const folder = await rebuilt(t)
  for (const name of ['menjin.js', 'menjin.mjs']) {
    const { size } = await stat(join(folder, name))
    assert.ok(size < 10_000, `${name} has ${size} bytes`)
  }
})

test('its syntax is ES2015, without what a packer would need a runtime for', async () => {
  const text = await readFile(BUILT, 'utf8')
  const file = ts.createSourceFile('menjin.js', text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS)
  const found = new Set()
  const kinds = ts.SyntaxKind
  const newer = [kinds.YieldExpression, kinds.AwaitExpression, kinds.ForOfStatement, kinds.ClassDeclaration, kinds.ClassExpression]
  newer.push(kinds.SpreadAssignment, kinds.QuestionQuestionToken, kinds.QuestionDotToken, kinds.AsteriskAsteriskToken, kinds.BigIntLiteral)
  const look = (node) => {
    if (newer.includes(node.kind)) found.add(kinds[node.kind])
    if (node.kind === kinds.CatchClause && !node.variableDeclaration) found.add('catch without a name')
    if (node.modifiers?.some((it) => it.kind === kinds.AsyncKeyword) || node.asteriskToken) found.add('async or a generator')
    if (node.kind === kinds.ObjectBindingPattern && node.elements.some((it) => it.dotDotDotToken)) found.add('rest of an object')
    ts.forEachChild(node, look)
  }
  look(file)
  assert.deepEqual([...found], [])
  const es5 = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES5, module: ts.ModuleKind.CommonJS } })
  assert.doesNotMatch(es5.outputText, /__awaiter|__generator|__spread|regeneratorRuntime|__values/)
})

test('it is a CommonJS module, a module, and the global of a page', async (t) => {
  const folder = await rebuilt(t)
  const required = createRequire(import.meta.url)(BUILT)
  assert.deepEqual(Object.keys(required), ['createClient'])
  const imported = await import(pathToFileURL(join(folder, 'menjin.mjs')))
  assert.deepEqual(Object.keys(imported), ['createClient'])
  const page = createContext({})
  runInContext('var self = globalThis', page)
  runInContext(await readFile(BUILT, 'utf8'), page)
  assert.equal(runInContext('typeof menjin.createClient', page), 'function')
})

test('a member that is mangled is named nowhere else', async (t) => {
  const folder = await rebuilt(t)
  const text = await readFile(join(folder, 'menjin.mjs'), 'utf8')
  for (const name of ['login', 'logout', 'request', 'uploadFile', 'current', 'accessToken', 'checkSession', 'getPhoneNumber', 'decrypt', 'setProfile', 'setAvatar', 'onSessionEnd']) {
    assert.match(text, new RegExp(`\\b${name}\\b`))
  }
})
