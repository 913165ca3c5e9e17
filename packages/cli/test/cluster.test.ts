import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { json } from "node:stream/consumers"
import { hasOpenssl, makeAuthority } from "../../../test-support/certificates.ts"
import { core, kubeconfig, temporaryDirectory } from "./fixtures.ts"
import { run, startKoredump, startServer } from "./processes.ts"

const list = ["list", "-o", "name"]

const writeKubeconfig = (directory: string, cluster: Readonly<Record<string, unknown>> = {}) =>
  kubeconfig(directory, {
    current: "c",
    contexts: [{ name: "c", user: "u", namespace: "demo" }],
    users: { u: { token: "user-token" } },
    cluster
  })

describe("the program on a cluster", () => {
  it.live("sends the token of the kubeconfig if the server requires one", () =>
    Effect.gen(function*() {
      const KUBECONFIG = writeKubeconfig(yield* temporaryDirectory)
      const { tokens, url } = yield* startKoredump({ token: "user-token" })
      const { code, stderr, stdout } = yield* run([...list, "-v", "--server", url], { env: { KUBECONFIG } })
      assert.deepStrictEqual([code, stdout], [0, `${core().id}\n`], stderr)
      assert.deepStrictEqual(tokens, [undefined, "Bearer user-token"])
      assert.notInclude(stderr, "user-token")

      const open = yield* startKoredump({})
      assert.strictEqual((yield* run([...list, "--server", open.url], { env: { KUBECONFIG } })).code, 0)
      assert.deepStrictEqual(open.tokens, [undefined])
    }))

  it.live("explains why it has no token, and exits with 5", () =>
    Effect.gen(function*() {
      const { url } = yield* startKoredump({ token: "another" })
      const none = yield* run([...list, "--server", url])
      assert.strictEqual(none.code, 5)
      assert.match(
        none.stderr,
        /Authentication required \(401\)\. .*\n {2}Pass a valid token with --token or KOREDUMP_TOKEN\.\n$/
      )
      const KUBECONFIG = writeKubeconfig(yield* temporaryDirectory)
      const rejected = yield* run([...list, "--server", url], { env: { KUBECONFIG } })
      assert.strictEqual(rejected.code, 5)
      assert.match(
        rejected.stderr,
        /Authentication required \(401\)\. The server rejected the token of the kubeconfig's context "c"\.\n/
      )
      const missing = yield* run([...list, "--server", url, "--kubeconfig", "/nonexistent/x"])
      assert.strictEqual(missing.code, 5)
      assert.match(missing.stderr, /Kubeconfig not found: \/nonexistent\/x\./)
    }))

  it.live("requests a short-lived token for a service account", () =>
    Effect.gen(function*() {
      const requests: Array<unknown> = []
      const answers: Record<string, readonly [number, unknown]> = {
        reader: [201, { kind: "TokenRequest", status: { token: "short-lived" } }],
        other: [403, { kind: "Status", code: 403, message: "ann cannot create serviceaccounts/token" }],
        odd: [201, { kind: "TokenRequest" }]
      }
      const kubernetes = yield* startServer((request, response) => {
        void json(request).then((body) => {
          requests.push([request.method, request.url, request.headers.authorization, body])
          const [status, answer] = answers[request.url!.split("/")[6]!] ?? [404, {}]
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer))
        })
      })
      const KUBECONFIG = writeKubeconfig(yield* temporaryDirectory, { server: kubernetes })
      const { tokens, url } = yield* startKoredump({ token: "short-lived" })
      const listAs = (account: string) =>
        run([...list, "--server", url, "--as-service-account", account], {
          env: { KUBECONFIG, KOREDUMP_TOKEN: "from the environment, not used" }
        })
      const { code, stderr } = yield* listAs("demo/reader")
      assert.strictEqual(code, 0, stderr)
      assert.deepStrictEqual(tokens, [undefined, "Bearer short-lived"])
      assert.deepStrictEqual(requests, [[
        "POST",
        "/api/v1/namespaces/demo/serviceaccounts/reader/token",
        "Bearer user-token",
        {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { audiences: ["koredump"], expirationSeconds: 3600 }
        }
      ]])
      const refusals: ReadonlyArray<readonly [string, RegExp]> = [
        ["demo/other", /Cannot get a token for demo\/other: .*ann cannot create serviceaccounts\/token/],
        ["demo/none", /Cannot get a token for demo\/none: the service account does not exist\./],
        ["demo/odd", /Cannot get a token for demo\/odd: the response of the Kubernetes API is invalid\./]
      ]
      for (const [account, message] of refusals) {
        const rejected = yield* listAs(account)
        assert.strictEqual(rejected.code, 5)
        assert.match(rejected.stderr, message)
      }
    }))

  it.live("uses the namespace of the kubeconfig as a kubectl plugin", () =>
    Effect.gen(function*() {
      const env = { KUBECONFIG: writeKubeconfig(yield* temporaryDirectory) }
      const { paths, url } = yield* startKoredump({})
      for (const more of [[], ["-A"], ["-n", "other"], ["-n", ""]]) {
        const { code, stderr } = yield* run([...list, "--server", url, ...more], { env, program: "kubectl-koredump" })
        assert.strictEqual(code, 0, stderr)
      }
      yield* run([...list, "--server", url], { env })
      const namespaces = paths.map((path) => new URL(`http://x${path}`).searchParams.getAll("namespace").join())
      assert.deepStrictEqual(namespaces, ["demo", "", "other", "", ""])
    }))

  it.live.skipIf(!hasOpenssl)(
    "verifies the server with the specified CA (requires openssl)",
    () =>
      Effect.gen(function*() {
        const { ca, certificates } = makeAuthority("own", "IP:127.0.0.1", "DNS:another")
        const path = join(yield* temporaryDirectory, "ca.crt")
        writeFileSync(path, ca)
        const { url } = yield* startKoredump({ tls: certificates[0]! })
        const another = yield* startKoredump({ tls: certificates[1]! })
        const byFlag = yield* run([...list, "--server", url, "--certificate-authority", path])
        assert.strictEqual(byFlag.code, 0, byFlag.stderr)
        const env = { KOREDUMP_CERTIFICATE_AUTHORITY: path }
        assert.strictEqual((yield* run([...list, "--server", url], { env })).code, 0)
        assert.match(
          (yield* run([...list, "--server", url])).stderr,
          /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/
        )
        assert.match((yield* run([...list, "--server", another.url], { env })).stderr, /ERR_TLS_CERT_ALTNAME_INVALID/)
      })
  )

  it.live.skipIf(!hasOpenssl)(
    "never sends a token to a server that it cannot verify, whatever the environment says (requires openssl)",
    () =>
      Effect.gen(function*() {
        const { ca, certificates } = makeAuthority("own", "IP:127.0.0.1")
        const { tokens, url } = yield* startKoredump({ tls: certificates[0]! })
        const proxy = yield* startKoredump({})
        const env = {
          NODE_TLS_REJECT_UNAUTHORIZED: "0",
          NODE_USE_ENV_PROXY: "1",
          HTTPS_PROXY: proxy.url,
          HTTP_PROXY: proxy.url,
          KOREDUMP_TOKEN: "s3cret"
        }
        const { code, stderr } = yield* run([...list, "--server", url], { env })
        assert.strictEqual(code, 1)
        assert.match(stderr, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
        assert.deepStrictEqual([tokens, proxy.tokens], [[], []])

        const path = join(yield* temporaryDirectory, "ca.crt")
        writeFileSync(path, ca)
        const extra = yield* run([...list, "--server", url], { env: { ...env, NODE_EXTRA_CA_CERTS: path } })
        assert.strictEqual(extra.code, 0, extra.stderr)
        assert.deepStrictEqual([tokens, proxy.tokens], [["Bearer s3cret"], []])
      })
  )
}, 60_000)
