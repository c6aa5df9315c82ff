// WeChat, and all that have its shape: QQ, Douyin, Taro, uni-app.

import type { Answer } from '../session/ask'
import { both } from '../session/ask'
import { promised, refusing, type Call, type Language, type Platform } from './platform'

/** The functions that are used. `wx`, `qq`, `tt`, `Taro` and `uni` all have them. */
export interface WxLike {
  login: Call
  request: Call
  uploadFile: Call
  checkSession: Call
  getStorageSync(key: string): any
  setStorageSync(key: string, value: any): void
  removeStorageSync(key: string): void
  getSystemInfoSync?(): any
  getAppBaseInfo?(): any
  getDeviceInfo?(): any
}

export function overWx(brand: string, wx: WxLike, language: Language): Platform {
  const failed = refusing(language)
  // In the background requests are cut off after five seconds.
  const lost = (result: any) =>
    refusing(language, result.errno === 600003 || /interrupted/.test(result.errMsg) ? 'interrupted' : 'network')(result)
  const answered = (result: any): Answer<any> => ({
    statusCode: result.statusCode,
    data: result.data,
    header: result.header || {},
  })
  return {
    brand,
    newCode: () => promised(wx, 'login', { timeout: 10000 }, (result) => result.code || failed(result), failed),
    send: (ask) => promised(wx, 'request', ask, answered, lost),
    upload: (upload) => promised(wx, 'uploadFile', upload, answered, lost),
    keyLives: () => promised<boolean>(wx, 'checkSession', {}, () => true, () => false),
    read: (key) => wx.getStorageSync(key),
    write: (key, value) => wx.setStorageSync(key, value),
    forget: (key) => wx.removeStorageSync(key),
    // The newer pair asks for less, and gives no warning.
    info: () => (wx.getDeviceInfo && wx.getAppBaseInfo ? both(wx.getAppBaseInfo(), wx.getDeviceInfo()) : wx.getSystemInfoSync!()),
  }
}
