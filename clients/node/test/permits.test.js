// Which granted permission covers which needed one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { permits } from '../src/index.js'

test('permissions are covered segment by segment', () => {
  const yes = [
    ['a', 'a'],
    ['a:b', 'a:b'],
    ['a:*', 'a:b'],
    ['a:*', 'a:b:c'],
    ['*', 'a'],
    ['*', 'a:b'],
    ['*:b', 'a:b'],
    ['a:*:c', 'a:x:c'],
  ]
  const no = [
    ['a', 'b'],
    ['a', 'a:b'],
    ['a:b', 'a'],
    ['a:*', 'a'],
    ['a:*', 'b:c'],
    ['*:b', 'a:c'],
    ['a:*:c', 'a:x:y:c'],
    ['', ''],
    ['a:', 'a:'],
    ['*', ''],
    ['a:*', 'a:'],
  ]
  for (const [granted, needed] of yes) assert.equal(permits(granted, needed), true, `${granted} ${needed}`)
  for (const [granted, needed] of no) assert.equal(permits(granted, needed), false, `${granted} ${needed}`)
})
