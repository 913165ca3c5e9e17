/** Certificates for tests, made with openssl because Node.js cannot make any. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** Whether openssl is installed. Without it, tests that need certificates are skipped. */
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

/** Makes a new CA, and one certificate for each string in `leaves`, such as `DNS:node,IP:127.0.0.1`. */
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
