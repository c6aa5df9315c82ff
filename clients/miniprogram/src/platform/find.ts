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
  let found: any = given
  if (!found && typeof my !== has) found = my, (name = 'my')
  if (!found && typeof tt !== has) found = tt, (name = 'tt')
  if (!found && typeof qq !== has) found = qq, (name = 'qq')
  if (!found && typeof wx !== has) found = wx
  if (!found || !found.request) throw new Error('pass `platform`: wx, qq, tt, my, Taro or uni')
  return found.login && name !== 'my' ? overWx(name, found, language) : overMy(found, language)
}
