import { assert, describe, it } from "@effect/vitest"
import { KubeApi, KubeApiError } from "@koredump/kubernetes"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { queryKubernetes } from "../../src/status/queryKubernetes.ts"
import { pod } from "../pods.ts"

const server = "https://kubernetes.example"

const makeApi = (get: KubeApi["Service"]["get"]) =>
  KubeApi.of({
    server,
    namespace: undefined,
    get,
    create: () => Effect.die("not expected"),
    watch: () => Effect.die("not expected")
  })

describe("queryKubernetes", () => {
  it.effect("requests the API pods and the node pods", () =>
    Effect.gen(function*() {
      const requests: Array<unknown> = []
      const deployment = yield* queryKubernetes(
        makeApi((path, query) =>
          Effect.sync(() => {
            requests.push([path, query])
            return { items: [pod(query?.labelSelector === "koredump.service=1" ? "api" : "node")] }
          })
        ),
        "crashes"
      )
      const path = "/api/v1/namespaces/crashes/pods"
      assert.deepStrictEqual(requests, [
        [path, { labelSelector: "koredump.service=1", resourceVersion: "0" }],
        [path, { labelSelector: "koredump.daemonset=1", resourceVersion: "0" }]
      ])
      assert.deepInclude(deployment, { server, namespace: "crashes", apiPods: { total: 1, ready: 1 } })
    }))

  it.effect("times out after three seconds", () =>
    Effect.gen(function*() {
      const query = yield* Effect.forkChild(queryKubernetes(makeApi(() => Effect.never), "koredump"))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(query), {
        unavailableReason: "The Kubernetes API did not answer within 3 seconds."
      })
    }))

  it.effect("explains why the pods are not known", () =>
    Effect.gen(function*() {
      const message = `The Kubernetes API ${server} answered 403: pods is forbidden.`
      const forbidden = makeApi(() => Effect.fail(new KubeApiError({ reason: "forbidden", message })))
      assert.deepStrictEqual(yield* queryKubernetes(forbidden, "koredump"), { unavailableReason: message })
      for (const response of [{}, { items: [{}] }, { items: [{ ...pod("a"), status: "odd" }] }, null, "text"]) {
        assert.deepStrictEqual(yield* queryKubernetes(makeApi(() => Effect.succeed(response)), "koredump"), {
          unavailableReason: `The response of the Kubernetes API at ${server} is invalid.`
        })
      }
    }))
})
