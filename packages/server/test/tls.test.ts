import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Option, Stream } from "effect"
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "node:tls"
import { type Certificate, hasOpenssl, makeAuthority } from "../../../test-support/certificates.ts"
import { renewedPairs, tlsPair } from "../src/tls.ts"
import { bodyOf, call, downloadUrl, large, serve, until } from "./served.ts"

/** A Kubernetes volume: `tls.crt` and `tls.key` are links through `..data`, which is turned as a whole. */
const makeVolume = (first: Certificate) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const directory = mkdtempSync(join(tmpdir(), "koredump-tls-"))
      let turns = 0
      const turn = ({ cert, key }: Certificate) => {
        const version = `..version-${turns += 1}`
        mkdirSync(join(directory, version))
        writeFileSync(join(directory, version, "tls.crt"), cert)
        writeFileSync(join(directory, version, "tls.key"), key)
        symlinkSync(version, join(directory, "..next"))
        renameSync(join(directory, "..next"), join(directory, "..data"))
      }
      turn(first)
      for (const name of ["tls.crt", "tls.key"]) symlinkSync(`..data/${name}`, join(directory, name))
      return { directory, turn, cert: join(directory, "tls.crt"), key: join(directory, "tls.key") }
    }),
    ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )

/** The serial number of the certificate that the server shows to new connections. */
const serialAt = (url: string) =>
  Effect.callback<string>((resume) => {
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resume(Effect.succeed(socket.getPeerCertificate().serialNumber))
      socket.destroy()
    })
  })

const collectLog = (log: Array<string>) =>
  Effect.provide(Logger.layer([Logger.map(Logger.formatSimple, (line) => log.push(line))]))

/** Why the settings are refused. */
const refused = (cert: string | undefined, key: string | undefined) =>
  tlsPair(Option.fromUndefinedOr(cert), Option.fromUndefinedOr(key)).pipe(
    Effect.flip,
    Effect.map(({ message }) => message)
  )

describe.skipIf(!hasOpenssl)("TLS from files (needs openssl)", () => {
  const { certificates: [first, second] } = hasOpenssl
    ? makeAuthority("koredump test", "DNS:localhost", "DNS:localhost")
    : { certificates: [] }

  it.live("a turned volume gives new connections the new certificate, and running ones go on", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      const { url, ...served } = yield* serve({
        tls: {
          ...first!,
          renewed: Stream.provide(renewedPairs(volume.cert, volume.key, first!, "10 millis"), NodeServices.layer)
        }
      })
      const before = yield* serialAt(url)
      const running = yield* call(downloadUrl({ url, ...served }), { rejectUnauthorized: false })
      volume.turn(second!)
      yield* Effect.repeat(serialAt(url), { until: (serial) => serial !== before })
      assert.isTrue((yield* bodyOf(running))?.equals(large))
    }))

  it.live("a pair that is none leaves the old one, and is logged once", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      const log: Array<string> = []
      const renewed: Array<string> = []
      yield* renewedPairs(volume.cert, volume.key, first!, "1 millis").pipe(
        Stream.runForEach(({ cert }) => Effect.sync(() => renewed.push(cert))),
        Effect.provide(NodeServices.layer),
        collectLog(log),
        Effect.forkScoped
      )
      volume.turn({ cert: second!.cert, key: first!.key })
      yield* until(() => log.length === 1)
      assert.match(log[0]!, /no certificate and its key\. The certificate in use stays\./)
      rmSync(join(volume.directory, "..data"))
      yield* until(() => log.length === 2)
      assert.match(log[1]!, /--tls-cert .* cannot be read: NotFound\./)
      assert.deepStrictEqual(renewed, [])
      symlinkSync("..version-1", join(volume.directory, "..data"))
      volume.turn(second!)
      yield* until(() => renewed.length === 1)
      assert.strictEqual(renewed[0], second!.cert)
      assert.match(log[2]!, /has been renewed/)
    }))

  it.live("half a pair, files that cannot be read and files that are none are refused at the start", () =>
    Effect.gen(function*() {
      const volume = yield* makeVolume(first!)
      assert.match(yield* refused(volume.cert, undefined), /go together/)
      assert.match(yield* refused(volume.cert, `${volume.key}.no`), /--tls-key .* cannot be read: NotFound/)
      assert.match(yield* refused(volume.key, volume.cert), /no certificate and its key/)
      const pair = yield* Effect.exit(tlsPair(Option.some(volume.cert), Option.some(volume.key)))
      assert.isTrue(Exit.isSuccess(pair) && pair.value?.cert === first!.cert)
    }).pipe(Effect.provide(NodeServices.layer)))
})
