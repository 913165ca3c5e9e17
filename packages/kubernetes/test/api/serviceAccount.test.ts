import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Option } from "effect"
import { join } from "node:path"
import { readServiceAccount } from "../../src/api/serviceAccount.ts"

const inPod = { KUBERNETES_SERVICE_HOST: "192.0.2.1", KUBERNETES_SERVICE_PORT: "6443" }
const files = { token: "first\n", "ca.crt": "a CA", namespace: "koredump" }

/** The access of a pod with these variables and files. */
const access = (variables: Record<string, string>, present: Record<string, string>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const write = (name: string, text: string) => fs.writeFileString(join(directory, name), text)
    for (const [name, text] of Object.entries(present)) yield* write(name, text)
    return { write, access: yield* readServiceAccount(directory) }
  }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(variables))))

describe("readServiceAccount", () => {
  it.live("reads the files of the kubelet again for each request", () =>
    Effect.gen(function*() {
      const pod = yield* access(inPod, files)
      const { credentials, namespace, server } = Option.getOrThrow(pod.access)
      assert.deepStrictEqual([server, namespace], ["https://192.0.2.1:6443", "koredump"])
      assert.deepStrictEqual(yield* credentials, {
        tls: { ca: "a CA" },
        proxy: undefined,
        headers: { Authorization: "Bearer first" }
      })
      yield* pod.write("token", "second")
      assert.strictEqual((yield* credentials).headers["Authorization"], "Bearer second")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("fails without a CA: it sends nothing to a server that it cannot verify", () =>
    Effect.gen(function*() {
      const pod = yield* access(inPod, { token: "first" })
      const { message } = yield* Effect.flip(Option.getOrThrow(pod.access).credentials)
      assert.strictEqual(message, "Cannot read the service account file ca.crt: no such file or directory.")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live.each<[string, Record<string, string>, Record<string, string>, string | undefined]>([
    ["IPv6", { ...inPod, KUBERNETES_SERVICE_HOST: "fd00::1" }, files, "https://[fd00::1]:6443"],
    ["no port", { KUBERNETES_SERVICE_HOST: "192.0.2.1" }, files, "https://192.0.2.1:443"],
    ["no pod", {}, files, undefined],
    ["a pod without a token", inPod, { "ca.crt": "a CA" }, undefined]
  ])("%s", ([, variables, present, server]) =>
    Effect.gen(function*() {
      const pod = yield* access(variables, present)
      assert.strictEqual(Option.getOrUndefined(pod.access)?.server, server)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
