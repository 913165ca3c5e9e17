/**
 * Builds koredumpctl as a single file that needs no other files (a single executable application of Node.js):
 *
 *     npm run build:cli-binary [-- --platform linux-arm64] [--out FILE] [--node FILE]
 *
 * `--out` defaults to packages/cli/dist/bin/koredumpctl-PLATFORM. `--node` is the Node.js executable to use. It can be
 * stripped, but must have the same version as the Node.js that runs this script. The licenses of the contents are written
 * to FILE.licenses.txt.
 */
import { build, type Plugin } from "esbuild"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { parseArgs, promisify } from "node:util"
import { inject } from "postject"
import { lazySegmenter } from "../../../scripts/lazySegmenter.ts"
import { collectLicenses } from "../../../scripts/licenses.ts"
import { cliVersionDefine, withoutDocsPages } from "../tsup.config.ts"
import { wrapper } from "./load.ts"
import {
  fetchAddon,
  fetchNodejs,
  findBundledPackages,
  isPlatform,
  type Platform,
  platforms,
  thisPlatform
} from "./platform.ts"

const exec = promisify(execFile)
const here = import.meta.dirname

/** Modules that are loaded from the assets, not from the bundle. */
const loadFromAssets: Plugin = {
  name: "load-from-assets",
  setup: (build) => {
    build.onResolve({ filter: /\/xattrBinding\.ts$/ }, () => ({ path: join(here, "xattrBinding.ts") }))
    build.onResolve(
      { filter: /^@kubernetes\/client-node$/ },
      ({ kind }) => kind === "dynamic-import" ? { path: join(here, "kubernetesClient.ts") } : undefined
    )
  }
}

const bundle = (entry: string, outfile: string, wrap: { readonly head: string; readonly foot: string }) =>
  build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    minify: true,
    // ASCII takes one byte per character in memory, and needs no decoding.
    charset: "ascii",
    legalComments: "eof",
    metafile: true,
    conditions: ["@koredump/source"],
    define: cliVersionDefine,
    plugins: [withoutDocsPages, lazySegmenter, loadFromAssets],
    banner: { js: wrap.head },
    footer: { js: wrap.foot },
    logLevel: "warning"
  })

/** Creates the code cache. Listing cores from a server runs most of the code that any command needs. */
const createCodeCache = async (program: string, cache: string) => {
  const cores = [{
    id: "core.demo.0.e36680b3d32e4f4f9899d72d34fe5fb3.1.1638186984000000.zst",
    node: "node-1",
    state: "present",
    size: 1,
    compression: "zstd",
    COREDUMP_COMM: "demo",
    COREDUMP_PID: 1,
    COREDUMP_UID: 0,
    COREDUMP_SIGNAL: 11,
    COREDUMP_SIGNAL_NAME: "SIGSEGV",
    COREDUMP_TIMESTAMP: "2021-11-29T11:56:24Z",
    resourceVersion: "a-1"
  }]
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json").setHeader("koredump-resource-version", "a-1")
    response.end(JSON.stringify(cores))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const argv = ["list", "-o", "table", "--server", url, "--token", "t"]
  await exec(process.execPath, [join(here, "createCodeCache.ts"), program, cache, ...argv])
  server.close()
}

const buildFor = async (platform: Platform, node: string, target: string, directory: string): Promise<void> => {
  const main = join(directory, "main.js")
  const program = join(directory, "program.js")
  const cache = join(directory, "program.cache")
  const kubernetes = join(directory, "kubernetes.js")
  const blob = join(directory, "blob")
  const bundles = [
    await bundle(join(here, "main.ts"), main, { head: "", foot: "" }),
    await bundle(join(here, "program.ts"), program, wrapper),
    await bundle("@kubernetes/client-node", kubernetes, wrapper)
  ]
  // The code cache works only on the platform that created it. Without it, V8 compiles the code at each start.
  if (platform === thisPlatform) await createCodeCache(program, cache)
  else await writeFile(cache, "")
  const assets = {
    "program.js": program,
    "program.cache": cache,
    "kubernetes.js": kubernetes,
    "xattr.node": await fetchAddon(platform, directory)
  }
  const config = join(directory, "config.json")
  await writeFile(config, JSON.stringify({ main, output: blob, assets, disableExperimentalSEAWarning: true }))
  await exec(process.execPath, ["--experimental-sea-config", config])

  await mkdir(dirname(target), { recursive: true })
  const part = `${target}.part`
  await copyFile(node, part)
  await inject(part, "NODE_SEA_BLOB", await readFile(blob), {
    sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2"
  })
  await writeFile(
    `${target}.licenses.txt`,
    collectLicenses(bundles.map(({ metafile }) => metafile), process.cwd(), findBundledPackages())
  )
  await chmod(part, 0o755)
  await rename(part, target)
}

const { values: { node, out, platform } } = parseArgs({
  options: { node: { type: "string" }, out: { type: "string" }, platform: { type: "string", default: thisPlatform } }
})
if (!isPlatform(platform)) {
  process.stderr.write(`Invalid value for --platform: "${platform}". Expected: ${platforms.join(" or ")}.\n`)
  process.exit(2)
}
// npm runs this script in the directory of the package. INIT_CWD is the directory of the user.
const resolvePath = (path: string) => resolve(process.env.INIT_CWD ?? ".", path)
const target = out === undefined ? join(here, "../dist/bin", `koredumpctl-${platform}`) : resolvePath(out)
const directory = await mkdtemp(join(tmpdir(), "koredumpctl-build-"))
try {
  const base = node === undefined ? await fetchNodejs(platform, directory) : resolvePath(node)
  await buildFor(platform, base, target, directory)
  process.stdout.write(`${target}: ${((await stat(target)).size / 1e6).toFixed(0)} MB\n`)
} finally {
  await rm(directory, { recursive: true })
}
