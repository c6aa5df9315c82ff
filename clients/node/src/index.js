// @menjin/node: who may come in, for a back end on Node. The plugs are in `@menjin/node/{hapi,express,koa}`.

export { Verifier, createVerifier } from './verifier.js'
export { Caller, permits } from './caller.js'
export { Session } from './session.js'
export { MenjinError, Refusal } from './refusal.js'
