import { assert, describe, it } from "@effect/vitest"
import { KubeApi, KubeApiError } from "@koredump/kubernetes"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { askKubernetes } from "../../src/status/queryKubernetes.ts"
import { pod } from "../pods.ts"

const server = "https://kubernetes.example"

const api = (get: KubeApi["Service"]["get"]) =>
  KubeApi.of({
    server,
    namespace: undefined,
    get,
    create: () => Effect.die("not asked"),
    watch: () => Effect.die("not asked")
  })

describe("askKubernetes", () => {
  it.effect("asks for both kinds of pods at once", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const deployed = yield* askKubernetes(
        api((path, query) =>
          Effect.sync(() => {
            asked.push([path, query])
            return { items: [pod(query?.labelSelector === "koredump.service=1" ? "api" : "node")] }
          })
        ),
        "crashes"
      )
      const path = "/api/v1/namespaces/crashes/pods"
      assert.deepStrictEqual(asked, [
        [path, { labelSelector: "koredump.service=1", resourceVersion: "0" }],
        [path, { labelSelector: "koredump.daemonset=1", resourceVersion: "0" }]
      ])
      assert.deepInclude(deployed, { server, namespace: "crashes", apiPods: { total: 1, ready: 1 } })
    }))

  it.effect("does not wait longer than three seconds", () =>
    Effect.gen(function*() {
      const asking = yield* Effect.forkChild(askKubernetes(api(() => Effect.never), "koredump"))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(asking), {
        lacking: "Kubernetes did not answer within 3 seconds."
      })
    }))

  it.effect("says why there is nothing to show", () =>
    Effect.gen(function*() {
      const message = `The API server ${server} answered 403: pods is forbidden.`
      const forbidden = api(() => Effect.fail(new KubeApiError({ reason: "forbidden", message })))
      assert.deepStrictEqual(yield* askKubernetes(forbidden, "koredump"), { lacking: message })
      for (const answer of [{}, { items: [{}] }, { items: [{ ...pod("a"), status: "odd" }] }, null, "text"]) {
        assert.deepStrictEqual(yield* askKubernetes(api(() => Effect.succeed(answer)), "koredump"), {
          lacking: `The API server ${server} answered wrongly.`
        })
      }
    }))
})
