/** Names in requests that lead out of the coredump directory, and files in it that are not cores. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { start, type Started } from "../support/program.ts"

const secret = "the secret of the host"
const nameOf = (comm: string) => `core.${comm}.0.0123456789abcdef0123456789abcdef.4242.1700000000000000`
const names = {
  core: nameOf("core"),
  link: nameOf("link"),
  directoryLink: nameOf("directory-link"),
  fifo: nameOf("fifo"),
  directory: nameOf("directory"),
  device: nameOf("device")
}

/** Sends this path as it is: URL would resolve dots. */
const get = (address: string, path: string, method = "GET") =>
  new Promise<{ readonly status: number; readonly body: string }>((resolve, reject) => {
    const call = request(address, { path, method, agent: false }, async (response) => {
      let body = ""
      for await (const chunk of response.setEncoding("utf8")) body += chunk
      resolve({ status: response.statusCode!, body })
    })
    call.setTimeout(10_000, () => call.destroy(new Error(`no answer to ${path}`)))
    call.on("error", reject).end()
  })

const up = ["..", ".", "...", "....//", "..;", "..%20", "..\\", "..%00"]
const encodings: ReadonlyArray<readonly [string, (text: string) => string]> = [
  ["plain", (text) => text],
  ["dots encoded", (text) => text.replaceAll(".", "%2e")],
  ["dots encoded in upper case", (text) => text.replaceAll(".", "%2E")],
  ["slashes encoded", (text) => text.replaceAll("/", "%2f")],
  ["everything encoded", (text) => text.replaceAll(".", "%2e").replaceAll("/", "%2F")],
  ["encoded twice", (text) => text.replaceAll(".", "%252e").replaceAll("/", "%252f")],
  ["backslashes", (text) => text.replaceAll("/", "\\")],
  ["backslashes encoded", (text) => text.replaceAll("/", "%5c")],
  ["too long in UTF-8", (text) => text.replaceAll(".", "%c0%ae").replaceAll("/", "%c0%af")],
  ["three bytes in UTF-8", (text) => text.replaceAll(".", "%e0%80%ae").replaceAll("/", "%e0%80%af")],
  ["wide characters", (text) => text.replaceAll(".", "%ef%bc%8e").replaceAll("/", "%ef%bc%8f")],
  ["UTF-16", (text) => text.replaceAll(".", "%u002e").replaceAll("/", "%u2215")],
  ["a null byte at the end", (text) => `${text}%00.zst`],
  ["names of cores as escapes of systemd", (text) => text.replaceAll(".", "\\x2e").replaceAll("/", "\\x2f")]
]
const targets = [
  ...up.map((part) => `${part}/`.repeat(5) + "etc/secret"),
  "/etc/secret",
  "//etc/secret",
  "file:///etc/secret",
  "../secret",
  `${names.core}/../../secret`,
  `${names.core}/../../../../../etc/secret`,
  `./${names.core}/../../secret`
]

describe("a local server", () => {
  let server: Started

  beforeAll(async () => {
    const root = await mkdtemp(join(tmpdir(), "koredump-paths-"))
    const directory = join(root, "var/lib/systemd/coredump")
    await mkdir(join(directory, names.directory), { recursive: true })
    await mkdir(join(root, "etc"))
    await Promise.all([
      writeFile(join(root, "etc/secret"), secret),
      writeFile(join(directory, "../secret"), secret),
      writeFile(join(directory, "secret"), secret),
      writeFile(join(directory, names.directory, "secret"), secret),
      writeFile(join(directory, names.core), "the core"),
      symlink("../secret", join(directory, names.link)),
      symlink("..", join(directory, names.directoryLink)),
      symlink("/dev/zero", join(directory, names.device)),
      promisify(execFile)("mkfifo", [join(directory, names.fifo)])
    ])
    server = await start("local", "--root", root, "--node-name", "n1", "--listen", "127.0.0.1:0", "--allow-delete")
    while ((await get(server.address, `/apiv1/cores/download/${names.core}`)).status !== 200);
    return async () => {
      await server[Symbol.asyncDispose]()
      await rm(root, { recursive: true })
    }
  }, 60_000)

  it("lists the core only", async () => {
    const { body } = await get(server.address, "/apiv1/cores?state=any&fields=id")
    assert.deepStrictEqual(JSON.parse(body), [{ id: names.core }])
  })

  it.each(encodings)("has no path out of the directory: %s", async (_, encode) => {
    for (const target of targets) {
      const name = encode(target)
      for (
        const [method, path] of [
          ["GET", `/apiv1/cores/download/${name}`],
          ["GET", `/apiv1/cores/download/n1/${name}`],
          ["GET", `/apiv1/cores/download/${name}/${names.core}`],
          ["GET", `/apiv1/cores/download/n1/${name}?decompress=true`],
          ["HEAD", `/apiv1/cores/download/n1/${name}`],
          ["GET", `/apiv1/cores/metadata/n1/${name}`],
          ["DELETE", `/apiv1/cores/delete/n1/${name}`],
          ["GET", `/${name}`],
          ["GET", `/docs/${name}`]
        ] as const
      ) {
        const { body, status } = await get(server.address, path, method)
        assert.include([400, 404, 405], status, `${method} ${path}: ${body}`)
        assert.notInclude(body, secret)
      }
    }
    // Nothing was deleted, and the server still answers.
    assert.strictEqual((await get(server.address, `/apiv1/cores/download/${names.core}`)).body, "the core")
  }, 60_000)

  it.each(["link", "directoryLink", "fifo", "directory", "device"] as const)(
    "does not open a %s with the name of a core",
    async (kind) => {
      for (const suffix of ["", "/secret", "%2fsecret", "?decompress=true"]) {
        const { body, status } = await get(server.address, `/apiv1/cores/download/n1/${names[kind]}${suffix}`)
        assert.strictEqual(status, 404, body)
        assert.notInclude(body, secret)
      }
      assert.strictEqual((await get(server.address, `/apiv1/cores/delete/n1/${names[kind]}`, "DELETE")).status, 404)
    }
  )

  it("has a core whose name is encoded in an unusual way only once", async () => {
    const encoded = names.core.replaceAll("c", "%63").replaceAll(".", "%2e")
    assert.strictEqual((await get(server.address, `/apiv1/cores/download/n1/${encoded}`)).body, "the core")
    assert.strictEqual((await get(server.address, `/apiv1/cores/download/n1/${names.core}%00`)).status, 404)
  })
})
