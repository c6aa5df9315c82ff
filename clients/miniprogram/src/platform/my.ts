// Alipay: other names, other shapes, and a 404 that calls `fail`.

import { both, given, parsed, type Answer } from '../session/ask'
import { promised, refusing, type Call, type Language, type Platform } from './platform'

export interface MyLike {
  getAuthCode: Call
  request: Call
  uploadFile: Call
  getStorageSync(options: { key: string }): any
  setStorageSync(options: { key: string; data: any }): any
  removeStorageSync(options: { key: string }): any
  getSystemInfoSync?(): any
}

export function overMy(my: MyLike, language: Language): Platform {
  const failed = refusing(language)
  const away = refusing(language, 'network')
  const status = (result: any): number => +(result.statusCode || result.status) || 0
  const answered = (result: any): Answer<any> => ({
    statusCode: status(result) || 200,
    data: parsed(result.data),
    header: result.headers || result.header || {},
  })
  // Error 19 is an answer whose status is no success.
  const lost = (result: any) => (status(result) > 99 ? answered(result) : away(result))
  return {
    brand: 'my',
    newCode: () => promised(my, 'getAuthCode', { scopes: 'auth_base' }, (result) => result.authCode || failed(result), failed),
    send: (ask) => {
      const isText = ask.method === 'GET' || ask.data === undefined || typeof ask.data === 'string'
      const data = isText ? ask.data : JSON.stringify(ask.data)
      return promised(my, 'request', both(ask, { data, headers: ask.header }), answered, lost)
    },
    upload: (upload) => {
      const options = both({ fileType: 'image' }, both(upload, { fileName: upload.name, headers: upload.header }))
      return promised(my, 'uploadFile', options, answered, lost)
    },
    // There is no key of a session.
    keyLives: () => given(true),
    read: (key) => (my.getStorageSync({ key }) || {}).data,
    write: (key, data) => {
      if ((my.setStorageSync({ key, data }) || {}).error) throw 0
    },
    forget: (key) => my.removeStorageSync({ key }),
    info: () => my.getSystemInfoSync!(),
  }
}
