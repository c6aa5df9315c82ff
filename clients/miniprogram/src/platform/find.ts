// Which platform this runs on.

import { overMy, type MyLike } from './my'
import type { Language, Platform } from './platform'
import { overWx, type WxLike } from './wx'

// Mini programs give these to each file; they need not be members of the global object.
declare const my: any
declare const tt: any
declare const qq: any
declare const wx: any

/** QQ and others also have a `wx`, so it comes last. */
export function platformOf(given: WxLike | MyLike | undefined, language: Language): Platform {
  const has = 'undefined'
  let name = 'wx'
  let found: any
  if (given) found = given
  else if (typeof my !== has) found = my, (name = 'my')
  else if (typeof tt !== has) found = tt, (name = 'tt')
  else if (typeof qq !== has) found = qq, (name = 'qq')
  else if (typeof wx !== has) found = wx
  if (!found || !found.request) throw new Error('pass `platform`: wx, qq, tt, my, Taro or uni')
  return found.login && name !== 'my' ? overWx(name, found, language) : overMy(found, language)
}
