// Builds what phones and bundlers get: dist/menjin.js (one file for `utils/`, CommonJS or a global) and
// dist/menjin.mjs. `node build.mjs FOLDER` builds there instead. The types are made by `tsc`, when the package is packed.
//
// The syntax is ES2015, which iOS 10 and every Android since take as it is, and without generators and `async`: where a packer
// turns it into ES5, it comes out without a runtime. Of ES2015's library it needs Promise alone.
// Every byte is paid for by a phone on a bad network: what only spells things out goes (names, `const`, the end of the digest).

import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import esbuild from 'esbuild'

const TARGET = 'es2015'
/** Members that cross files here, and neither a platform nor a program sees nor storage keeps. */
const INTERNAL = /^(alone|appId|asked|authorized|body|brand|call|enter|entering|forget|healed|info|keyLives|known|look|newCode|onEnd|read|ready|send|signOut|silently|tongue|upload|userIs|why|write)$/
const here = fileURLToPath(new URL('.', import.meta.url))

/** What the built file is made of. The same is computed by `cargo xtask check`, which thereby needs no Node. */
export async function digestOfSources() {
  const below = await readdir(join(here, 'src'), { recursive: true })
  const sources = below.filter((name) => name.endsWith('.ts')).map((name) => `src/${name.replaceAll('\\', '/')}`)
  const names = [...sources, 'build.mjs', 'package.json', 'package-lock.json'].sort()
  const hash = createHash('sha256')
  for (const name of names) {
    const text = (await readFile(join(here, name), 'utf8')).replaceAll('\r\n', '\n')
    hash.update(`${name}\n${text}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}

/** `contents` and all that it imports in one text. */
async function bundled(contents, minify) {
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    write: false,
    format: 'esm',
    charset: 'utf8',
    mangleProps: INTERNAL,
    target: TARGET,
    minify,
    // Constants find their place only here, while they are constants.
    minifySyntax: true,
    legalComments: 'none',
  })
  return outputFiles[0].text
}

/** Nothing here tells them apart once the sources have compiled. */
const shorter = (code) => code.replace(/\bconst /g, 'let ')

export async function build(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'))
  const banner = `/*! ${name} ${version}, ${license}; sources ${await digestOfSources()} */\n`
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'menjin.mjs'), banner + shorter(await bundled("export { createClient } from './src/client'", true)))

  // In a page of a browser there is no `module`: then it is the global `menjin`.
  const leave = "if (typeof module === 'object') module.exports = { createClient }; else self.menjin = { createClient }"
  const text = await bundled("import { createClient } from './src/client'; leave(createClient)", false)
  const inside = `(() => {\n${text.replace(/leave\(createClient\);?/, leave)}})()\n`
  const { code } = await esbuild.transform(inside, { minify: true, target: TARGET, charset: 'utf8' })
  await writeFile(join(folder, 'menjin.js'), banner + shorter(code))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? join(here, 'dist')
  await build(folder)
  console.log(`built ${folder}`)
}
