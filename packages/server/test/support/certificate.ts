import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Makes a certificate for localhost and its key. Undefined without openssl. */
export const makeCertificate = () => {
  const directory = mkdtempSync(join(tmpdir(), "koredump-tls-"))
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
  const { status } = spawnSync(
    "openssl",
    (
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -keyout ${key} -out ${cert}`
    ).split(" ")
  )
  const pair = status === 0 ? { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } : undefined
  rmSync(directory, { recursive: true })
  return pair
}
