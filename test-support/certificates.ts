/** Certificates for tests of TLS, made by openssl: Node can make none. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Whether certificates can be made; tests that need them are skipped without, as the repository's do. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0

const request = (directory: string, args: ReadonlyArray<string>): Certificate => {
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
  const { status, stderr } = spawnSync("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
    "-keyout",
    key,
    "-out",
    cert,
    ...args
  ])
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") }
}

/** An authority of its own, and certificates by it for names such as `DNS:node` and `IP:127.0.0.1`. */
export const makeAuthority = (name: string, ...leaves: ReadonlyArray<string>) => {
  const directory = mkdtempSync(join(tmpdir(), "koredump-ca-"))
  try {
    const { cert: ca } = request(directory, ["-subj", `/CN=${name}`])
    const [caFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")]
    const certificates = leaves.map((names) => {
      const leaf = mkdtempSync(join(directory, "leaf-"))
      return request(leaf, [
        "-subj",
        "/CN=koredump",
        "-CA",
        caFile,
        "-CAkey",
        keyFile,
        "-addext",
        `subjectAltName=${names}`,
        "-addext",
        "basicConstraints=critical,CA:FALSE"
      ])
    })
    return { ca, certificates }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
