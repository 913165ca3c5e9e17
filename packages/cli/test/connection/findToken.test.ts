import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ChosenServer } from "../../src/connection/chooseServer.ts"
import type { Connection } from "../../src/connection/Connection.ts"
import { findToken, findTokenRefusal, ServiceAccountDirectory } from "../../src/connection/findToken.ts"
import { connection, environment, kubeconfig, noScreen, temporaryDirectory } from "../fixtures.ts"

const server = (url: string, options: Partial<ChosenServer> = {}): ChosenServer => ({
  url,
  isSpecified: true,
  isInCluster: false,
  ...options
})
const https = server("https://koredump.example")
const inCluster = server("http://koreapi.koredump.svc.cluster.local", { isSpecified: false, isInCluster: true })

describe("findTokenRefusal", () => {
  const cases: ReadonlyArray<readonly [ChosenServer, boolean]> = [
    [https, true],
    [inCluster, true],
    [server("http://koreapi.koredump.svc:80", { isInCluster: true }), true],
    [server("unix:/run/koredump.sock"), true],
    [server("http://127.0.0.1:5000"), true],
    [server("http://127.8.8.8:5000"), true],
    [server("http://localhost:5000"), true],
    [server("http://[::1]:5000"), true],
    [server("http://127.0.0.1:5000", { isSpecified: false }), false],
    [server("http://10.0.0.1:5000"), false],
    [server("http://koredump.example"), false],
    [server("http://127.0.0.1.example"), false],
    [server("http://localhost.example"), false],
    [server("http://koreapi.koredump.svc.cluster.local"), false]
  ]
  for (const [to, allowed] of cases) {
    it(`${to.url}${to.isSpecified ? "" : " by default"}${to.isInCluster ? " in the cluster" : ""}: ${allowed}`, () => {
      assert.strictEqual(findTokenRefusal(to) === undefined, allowed)
    })
  }
})

const find = (
  to: ChosenServer,
  options: Partial<Connection> & { readonly serviceAccount?: string; readonly KUBECONFIG?: string } = {}
) => {
  const { KUBECONFIG = "/nonexistent/config", serviceAccount = "/nonexistent", ...rest } = options
  return findToken(connection(rest), to).pipe(
    Effect.map(Option.map(({ name, token }) => `${Redacted.value(token)}, ${name}`)),
    Effect.map(Option.getOrUndefined),
    Effect.provide([
      NodeServices.layer,
      environment({ KUBECONFIG }),
      noScreen,
      Layer.succeed(ServiceAccountDirectory, serviceAccount)
    ])
  )
}

const oneUser = (directory: string, user: unknown) =>
  kubeconfig(directory, { current: "c", contexts: [{ name: "c", user: "u" }], users: { u: user } })

describe("findToken", () => {
  it.live("uses the token of the pod for the Service in its cluster", () =>
    Effect.gen(function*() {
      const serviceAccount = yield* temporaryDirectory
      writeFileSync(join(serviceAccount, "token"), "pod-token\n")
      const KUBECONFIG = oneUser(yield* temporaryDirectory, { token: "user-token" })
      const pod = "pod-token, the token of this pod's service account"
      const user = "user-token, the token of the kubeconfig's context \"c\""
      assert.strictEqual(yield* find(inCluster, { serviceAccount, KUBECONFIG }), pod)
      // no other server receives it
      assert.strictEqual(yield* find(https, { serviceAccount }), undefined)
      assert.strictEqual(yield* find(https, { serviceAccount, KUBECONFIG }), user)
      // a kubeconfig or context on the command line takes precedence
      assert.strictEqual(yield* find(inCluster, { serviceAccount, kubeconfig: Option.some(KUBECONFIG) }), user)
      assert.strictEqual(yield* find(inCluster, { serviceAccount, KUBECONFIG, context: Option.some("c") }), user)
      // a pod without a token
      assert.strictEqual(yield* find(inCluster, { KUBECONFIG }), user)
    }))

  it.live("returns none without a pod and a kubeconfig", () =>
    Effect.gen(function*() {
      for (const to of [https, inCluster, server("http://10.0.0.1")]) assert.strictEqual(yield* find(to), undefined)
    }))

  it.live("uses the token of the user: a token, a file or an exec plugin", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const findUserToken = (user: unknown) =>
        Effect.map(
          find(https, { kubeconfig: Option.some(oneUser(directory, user)) }),
          (found) => found?.replace(/, the token of the kubeconfig's context "c"$/, "")
        )
      writeFileSync(join(directory, "token"), "from-file\n")
      writeFileSync(
        join(directory, "plugin"),
        `#!/bin/sh
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'"$1-$WHO"'"}}'
echo "$KUBERNETES_EXEC_INFO" > "${directory}/info"
`
      )
      chmodSync(join(directory, "plugin"), 0o755)
      const exec = {
        apiVersion: "client.authentication.k8s.io/v1",
        command: "./plugin",
        args: ["from-program"],
        env: [{ name: "WHO", value: "me" }],
        interactiveMode: "IfAvailable",
        provideClusterInfo: false
      }
      assert.strictEqual(yield* findUserToken({ token: "plain" }), "plain")
      assert.strictEqual(yield* findUserToken({ token: "plain", tokenFile: "token" }), "from-file")
      assert.strictEqual(yield* findUserToken({ tokenFile: join(directory, "token") }), "from-file")
      assert.strictEqual(yield* findUserToken({ exec }), "from-program-me")
      assert.deepStrictEqual(JSON.parse(readFileSync(join(directory, "info"), "utf8")), {
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        spec: { interactive: false }
      })
      assert.strictEqual(yield* findUserToken({ exec: { ...exec, provideClusterInfo: true } }), "from-program-me")
      assert.deepStrictEqual(JSON.parse(readFileSync(join(directory, "info"), "utf8")).spec.cluster, {
        server: "https://kubernetes.example"
      })
    }))

  const unusable: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["a certificate", { "client-certificate-data": "Zm9v" }, /uses a client certificate.*--as-service-account/],
    ["an old auth-provider", { "auth-provider": { name: "oidc" } }, /auth-provider.*--as-service-account/],
    ["no credentials", {}, /has no token.*--as-service-account/],
    [
      "a missing token file",
      { tokenFile: "none" },
      /^Cannot read the kubeconfig's token file \S+\/none: no such file or directory\.$/
    ],
    ["an invalid token", { token: "s3cret\ns3cret" }, /^Invalid token: .*contains characters that are not allowed/],
    ["a missing exec plugin", {
      exec: { command: "koredump-no-such-program", installHint: "Install it." }
    }, /exec plugin "koredump-no-such-program" cannot be started: no such file or directory\. Install it\.$/],
    ["an exec plugin that fails", { exec: { command: "false" } }, /exec plugin "false" failed with exit code 1\.$/],
    [
      "an exec plugin that prints something else",
      { exec: { command: "echo", args: ["s3cret"] } },
      /did not print an ExecCredential/
    ],
    ["an exec plugin that must ask", { exec: { command: "true", interactiveMode: "Always" } }, /requires a terminal/],
    ["an exec plugin that prints a certificate", {
      exec: { command: "echo", args: ["{\"kind\":\"ExecCredential\",\"status\":{\"clientCertificateData\":\"x\"}}"] }
    }, /uses a client certificate/]
  ]
  for (const [name, user, message] of unusable) {
    it.live(`explains why a user with ${name} has no usable token`, () =>
      Effect.gen(function*() {
        const path = oneUser(yield* temporaryDirectory, user)
        const error = yield* Effect.flip(find(https, { kubeconfig: Option.some(path) }))
        assert.match(error.message, message)
        assert.notInclude(error.message, "s3cret")
      }))
  }

  it.live("does not send a token to a server that must not receive it, and runs no exec plugin", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = oneUser(directory, { exec: { command: "mkdir", args: [join(directory, "ran")] } })
      for (const to of [server("http://10.0.0.1:5000"), server("http://127.0.0.1:5000", { isSpecified: false })]) {
        const error = yield* Effect.flip(find(to, { kubeconfig: Option.some(path) }))
        assert.match(error.message, /^The token of the kubeconfig's context "c" was not sent to http:\/\/\S+: the /)
        const account = yield* Effect.flip(find(to, { asServiceAccount: Option.some("demo/reader") }))
        assert.match(account.message, /^The token of demo\/reader was not sent to http:/)
      }
      // fails if the plugin ran
      mkdirSync(join(directory, "ran"))
    }))

  it.live("rejects service accounts that are not NAMESPACE/NAME", () =>
    Effect.gen(function*() {
      for (const account of ["reader", "a/b/c", "demo/", "/x", "demo/../secrets", "demo/x?y"]) {
        const error = yield* Effect.flip(find(https, { asServiceAccount: Option.some(account) }))
        assert.match(error.message, /^Invalid service account "[^"]+": expected NAMESPACE\/NAME\.$/)
      }
    }))
})
