import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Connection } from "../../src/commands/root.ts"
import type { Server } from "../../src/connection/chooseServer.ts"
import { findToken, mayNotHave, ServiceAccountDirectory } from "../../src/connection/findToken.ts"
import { connection, environment, kubeconfig, noScreen, temporaryDirectory } from "../fixtures.ts"

const server = (url: string, options: Partial<Server> = {}): Server => ({
  url,
  named: true,
  inCluster: false,
  ...options
})
const https = server("https://koredump.example")
const inCluster = server("http://koreapi.koredump.svc.cluster.local", { named: false, inCluster: true })

describe("mayNotHave", () => {
  const cases: ReadonlyArray<readonly [Server, boolean]> = [
    [https, true],
    [inCluster, true],
    [server("http://koreapi.koredump.svc:80", { inCluster: true }), true],
    [server("unix:/run/koredump.sock"), true],
    [server("http://127.0.0.1:5000"), true],
    [server("http://127.8.8.8:5000"), true],
    [server("http://localhost:5000"), true],
    [server("http://[::1]:5000"), true],
    [server("http://127.0.0.1:5000", { named: false }), false],
    [server("http://10.0.0.1:5000"), false],
    [server("http://koredump.example"), false],
    [server("http://127.0.0.1.example"), false],
    [server("http://localhost.example"), false],
    [server("http://koreapi.koredump.svc.cluster.local"), false]
  ]
  for (const [to, allowed] of cases) {
    it(`${to.url}${to.named ? "" : " by default"}${to.inCluster ? " in the cluster" : ""}: ${allowed}`, () => {
      assert.strictEqual(mayNotHave(to) === undefined, allowed)
    })
  }
})

const find = (
  to: Server,
  options: Partial<Connection> & { readonly serviceAccount?: string; readonly KUBECONFIG?: string } = {}
) => {
  const { KUBECONFIG = "/nonexistent/config", serviceAccount = "/nonexistent", ...rest } = options
  return findToken(connection(rest), to).pipe(
    Effect.map(Option.map(({ token, whose }) => `${Redacted.value(token)}, ${whose}`)),
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
  it.live("is the pod's own, for the Service of its cluster", () =>
    Effect.gen(function*() {
      const serviceAccount = yield* temporaryDirectory
      writeFileSync(join(serviceAccount, "token"), "pod-token\n")
      const KUBECONFIG = oneUser(yield* temporaryDirectory, { token: "user-token" })
      const pod = "pod-token, The token of this pod's service account"
      const user = "user-token, The token of the kubeconfig's context \"c\""
      assert.strictEqual(yield* find(inCluster, { serviceAccount, KUBECONFIG }), pod)
      // no other server gets it
      assert.strictEqual(yield* find(https, { serviceAccount }), undefined)
      assert.strictEqual(yield* find(https, { serviceAccount, KUBECONFIG }), user)
      // a kubeconfig or context that is named on the command line is meant
      assert.strictEqual(yield* find(inCluster, { serviceAccount, kubeconfig: Option.some(KUBECONFIG) }), user)
      assert.strictEqual(yield* find(inCluster, { serviceAccount, KUBECONFIG, context: Option.some("c") }), user)
      // a pod without a token
      assert.strictEqual(yield* find(inCluster, { KUBECONFIG }), user)
    }))

  it.live("is none where there is nowhere to find one", () =>
    Effect.gen(function*() {
      for (const to of [https, inCluster, server("http://10.0.0.1")]) assert.strictEqual(yield* find(to), undefined)
    }))

  it.live("is that of the user: a token, a file, a program", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const tokenOf = (user: unknown) =>
        Effect.map(
          find(https, { kubeconfig: Option.some(oneUser(directory, user)) }),
          (found) => found?.replace(/, The token of the kubeconfig's context "c"$/, "")
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
      assert.strictEqual(yield* tokenOf({ token: "plain" }), "plain")
      assert.strictEqual(yield* tokenOf({ token: "plain", tokenFile: "token" }), "from-file")
      assert.strictEqual(yield* tokenOf({ tokenFile: join(directory, "token") }), "from-file")
      assert.strictEqual(yield* tokenOf({ exec }), "from-program-me")
      assert.deepStrictEqual(JSON.parse(readFileSync(join(directory, "info"), "utf8")), {
        apiVersion: "client.authentication.k8s.io/v1",
        kind: "ExecCredential",
        spec: { interactive: false }
      })
      assert.strictEqual(yield* tokenOf({ exec: { ...exec, provideClusterInfo: true } }), "from-program-me")
      assert.deepStrictEqual(JSON.parse(readFileSync(join(directory, "info"), "utf8")).spec.cluster, {
        server: "https://kubernetes.example"
      })
    }))

  const lacking: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    ["a certificate", { "client-certificate-data": "Zm9v" }, /by a certificate.*--as-service-account/],
    ["an old auth-provider", { "auth-provider": { name: "oidc" } }, /auth-provider.*--as-service-account/],
    ["nothing", {}, /has no token.*--as-service-account/],
    ["a token file that is not there", { tokenFile: "none" }, /token file \S+\/none cannot be read/],
    ["a token that is none", { token: "s3cret\ns3cret" }, /characters that no token can have/],
    ["a program that is not there", {
      exec: { command: "koredump-no-such-program", installHint: "Install it." }
    }, /koredump-no-such-program cannot be run: NotFound\. Install it\./],
    ["a program that fails", { exec: { command: "false" } }, /false failed with exit code 1/],
    ["a program that says something else", { exec: { command: "echo", args: ["s3cret"] } }, /gave no ExecCredential/],
    ["a program that must ask", { exec: { command: "true", interactiveMode: "Always" } }, /there is no terminal/],
    ["a program that has a certificate", {
      exec: { command: "echo", args: ["{\"kind\":\"ExecCredential\",\"status\":{\"clientCertificateData\":\"x\"}}"] }
    }, /by a certificate/]
  ]
  for (const [name, user, message] of lacking) {
    it.live(`says why a user with ${name} has none`, () =>
      Effect.gen(function*() {
        const path = oneUser(yield* temporaryDirectory, user)
        const error = yield* Effect.flip(find(https, { kubeconfig: Option.some(path) }))
        assert.match(error.message, message)
        assert.notInclude(error.message, "s3cret")
      }))
  }

  it.live("is sent to no server that may not have it; no program runs for it", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = oneUser(directory, { exec: { command: "mkdir", args: [join(directory, "ran")] } })
      for (const to of [server("http://10.0.0.1:5000"), server("http://127.0.0.1:5000", { named: false })]) {
        const error = yield* Effect.flip(find(to, { kubeconfig: Option.some(path) }))
        assert.match(error.message, /^The token of the kubeconfig's context "c" is not sent to http:\/\/\S+, /)
        const account = yield* Effect.flip(find(to, { asServiceAccount: Option.some("demo/reader") }))
        assert.match(account.message, /^The token of demo\/reader is not sent to http:/)
      }
      // it was not there, or this would fail
      mkdirSync(join(directory, "ran"))
    }))

  it.live("names service accounts by namespace and name", () =>
    Effect.gen(function*() {
      for (const account of ["reader", "a/b/c", "demo/", "/x", "demo/../secrets", "demo/x?y"]) {
        const error = yield* Effect.flip(find(https, { asServiceAccount: Option.some(account) }))
        assert.match(error.message, /^Service accounts are named NAMESPACE\/NAME, not/)
      }
    }))
})
