// Objects taken apart and put together without reading their values.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { members, object } from '../src/members.js'

test('members are found as they are written, whatever stands in them', () => {
  const text = ' { "a" : 1.10 , "b":{"c":[1,{"d":","}]},"e\\"}":"x\\\\\\",}","f":[],"":null , "g":true }\n'
  const found = members(text)
  const expected = [
    ['a', '1.10'],
    ['b', '{"c":[1,{"d":","}]}'],
    ['e"}', '"x\\\\\\",}"'],
    ['f', '[]'],
    ['', 'null'],
    ['g', 'true'],
  ]
  assert.deepEqual([...found], expected)
  assert.deepEqual(JSON.parse(object(found)), JSON.parse(text))
  assert.deepEqual([...members('{}')], [])
  assert.equal(object(new Map()), '{}')
})

test('members agree with JSON.parse on whatever an object holds', () => {
  const values = [
    0,
    -1.5e-7,
    '',
    'a"b\\c,{[:]}',
    '门\u2028\n',
    null,
    true,
    [],
    {},
    [[[]]],
    { a: { b: [1, 'x', { c: null }] } },
    ['"', '\\'],
  ]
  const whole = Object.fromEntries(values.map((value, at) => [`k${at}${String(value).slice(0, 3)}`, value]))
  for (const space of [0, 2]) {
    const found = members(JSON.stringify(whole, null, space))
    assert.deepEqual(Object.fromEntries([...found].map(([key, value]) => [key, JSON.parse(value)])), whole)
  }
})
