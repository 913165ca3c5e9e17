import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Option, References, Stream } from "effect"
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "node:tls"
import { type Certificate, hasOpenssl, makeAuthority } from "../../../../test-support/certificates.ts"
import { loadTlsPair, reloadTlsPair } from "../../src/settings/tls.ts"
import { call, downloadUrl, large, loopback, readBody, serve, until } from "../support/httpServer.ts"

/** Makes a Kubernetes volume: `tls.crt` and `tls.key` are links through `..data`, which is replaced atomically. */
const makeVolume = (first: Certificate) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "koredump-tls-"))
      let versions = 0
      const replace = ({ cert, key }: Certificate) => {
        const version = `..version-${versions += 1}`
        mkdirSync(join(directory, version))
        writeFileSync(join(directory, version, "tls.crt"), cert)
        writeFileSync(join(directory, version, "tls.key"), key)
        symlinkSync(version, join(directory, "..next"))
        renameSync(join(directory, "..next"), join(directory, "..data"))
      }
      replace(first)
      for (const name of ["tls.crt", "tls.key"]) symlinkSync(`..data/${name}`, join(directory, name))
      return { directory, replace, cert: join(directory, "tls.crt"), key: join(directory, "tls.key") }
    }),
    ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )

/** The serial number of the certificate that new connections get. */
const getSerial = (url: string) =>
  Effect.callback<string>((resume) => {
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resume(Effect.succeed(socket.getPeerCertificate().serialNumber))
      socket.destroy()
    })
  })

const collectLog = (log: Array<string>) =>
  Effect.provide(Logger.layer([
    Logger.make(({ fiber, message }) => {
      const { reason } = fiber.getRef(References.CurrentLogAnnotations)
      log.push(`${String(message)}${reason === undefined ? "" : `: ${String(reason)}`}`)
    })
  ]))

/** The error for these settings. */
const getError = (cert: string | undefined, key: string | undefined) =>
  loadTlsPair(Option.fromUndefinedOr(cert), Option.fromUndefinedOr(key)).pipe(
    Effect.flip,
    Effect.map(({ message }) => message)
  )

describe.skipIf(!hasOpenssl)("TLS from files (needs openssl)", () => {
  const { certificates: [first, second] } = hasOpenssl
    ? makeAuthority("koredump test", "DNS:localhost", "DNS:localhost")
    : { certificates: [] }

  it.live("uses the new certificate of a replaced volume for new connections, and continues running downloads", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      const { url, ...served } = yield* serve({
        tls: {
          ...first!,
          renewed: Stream.provide(reloadTlsPair(volume.cert, volume.key, first!, "10 millis"), NodeServices.layer)
        }
      })
      const before = yield* getSerial(url)
      const running = yield* call(downloadUrl({ url, ...served }), { rejectUnauthorized: false })
      volume.replace(second!)
      yield* Effect.repeat(getSerial(url), { until: (serial) => serial !== before })
      assert.isTrue((yield* readBody(running))?.equals(large))
    }))

  it.live("keeps the certificate in use if the new one is invalid, and logs that once", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      const log: Array<string> = []
      const renewed: Array<string> = []
      yield* reloadTlsPair(volume.cert, volume.key, first!, "1 millis").pipe(
        Stream.runForEach(({ cert }) => Effect.sync(() => renewed.push(cert))),
        Effect.provide(NodeServices.layer),
        collectLog(log),
        Effect.forkScoped
      )
      volume.replace({ cert: second!.cert, key: first!.key })
      yield* until(() => log.length === 1)
      assert.match(log[0]!, /^TLS certificate reload failed: .*not a matching certificate and key/)
      rmSync(join(volume.directory, "..data"))
      yield* until(() => log.length === 2)
      assert.match(
        log[1]!,
        /^TLS certificate reload failed: --tls-cert .*: cannot be read: no such file or directory\.$/
      )
      assert.deepStrictEqual(renewed, [])
      symlinkSync("..version-1", join(volume.directory, "..data"))
      volume.replace(second!)
      yield* until(() => renewed.length === 1)
      assert.strictEqual(renewed[0], second!.cert)
      yield* until(() => log.length === 4)
      assert.deepStrictEqual(log.slice(2), ["TLS certificate readable again", "TLS certificate reloaded"])
    }))

  it.live("warns while the files cannot be reloaded", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      const tls = yield* Effect.provide(
        loadTlsPair(Option.some(volume.cert), Option.some(volume.key), "10 millis"),
        NodeServices.layer
      )
      const served = yield* serve({ tls: tls!, opsListen: loopback })
      const readReady = Effect.fnUntraced(function*() {
        return String(yield* readBody(yield* call(`${yield* served.opsUrl}/readyz`)))
      })
      assert.strictEqual(yield* readReady(), "ready\n")
      rmSync(volume.key)
      yield* Effect.repeat(readReady(), {
        until: (text) => text === "ready\nwarning: The TLS certificate cannot be reloaded. See the log.\n"
      })
    }))

  it.live("fails at the start if a file is missing, not readable or invalid", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      assert.match(yield* getError(volume.cert, undefined), /must be used together/)
      assert.match(
        yield* getError(volume.cert, `${volume.key}.no`),
        /--tls-key .*: cannot be read: no such file or directory/
      )
      assert.match(yield* getError(volume.key, volume.cert), /not a matching certificate and key/)
      const pair = yield* Effect.exit(loadTlsPair(Option.some(volume.cert), Option.some(volume.key)))
      assert.isTrue(Exit.isSuccess(pair) && pair.value?.cert === first!.cert)
    }).pipe(Effect.provide(NodeServices.layer)))
})
