import type { Caller, Claims, Session, Verifier, VerifierOptions } from './index.js'

/** `request.auth.credentials` behind the strategy. */
export interface MenjinCredentials {
  user: string | null
  session: Session | null
  /** The token's scope, its roles as `role:…`, its permissions. */
  scope: string[]
  clientId: string | null
  claims: Claims
  legacy: Caller['legacy']
}

/** `request.auth.artifacts` behind the strategy. */
export interface MenjinArtifacts {
  caller: Caller
}

/** For `server.auth.strategy('menjin', 'menjin', options)`; the verifier is then `server.auth.api.menjin`. */
export type StrategyOptions = VerifierOptions | { verifier: Verifier }

/** For `server.register(plugin)`: adds the scheme `menjin`. */
export declare const plugin: { name: string; register(server: any): void }
