// Builds dist: web.js and web.cjs with all that they import from clients/miniprogram/src/session, and the types.
// `node build.js FOLDER` builds there instead.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import esbuild from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))

export async function build(folder) {
  for (const [name, format] of [
    ['web.js', 'esm'],
    ['web.cjs', 'cjs'],
  ]) {
    await esbuild.build({
      entryPoints: [join(here, 'src/index.ts')],
      outfile: join(folder, name),
      bundle: true,
      format,
      // Browsers of 2020 and later: they have Web Locks' neighbours, and `fetch` with signals.
      target: 'es2020',
      charset: 'utf8',
      legalComments: 'none',
    })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(here, 'dist')
  await build(folder)
  const tsc = join(here, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', here, '--outDir', join(folder, 'types')], { stdio: 'inherit' })
  console.log(`built ${folder}`)
}
