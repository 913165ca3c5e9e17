import { assert, describe, it } from "@effect/vitest"
import { OpenApi } from "effect/http-api"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { toMaxIndexBytes } from "../../src/admission/memory.ts"
import { requestKinds, routeKinds, toRequestLimits } from "../../src/admission/requestKinds.ts"
import { documentedApi } from "../../src/app/openApi.ts"

const MiB = 1024 * 1024

const chart = { callerShare: 0.5, maxDownloads: 64, maxWatches: 1000 }

const format = (limit: { readonly max: number }) => limit.max.toLocaleString("en")

describe("routeKinds", () => {
  it("has every route of the OpenAPI document, and /docs and /openapi.json", () => {
    const documented = Object.entries(OpenApi.fromApi(documentedApi).paths).flatMap(([path, operations]) =>
      Object.keys(operations).filter((method) => method !== "head")
        .map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`)
    )
    assert.isAbove(documented.length, 8)
    assert.deepStrictEqual(
      Object.keys(routeKinds).toSorted(),
      [...documented, "GET /docs", "GET /openapi.json"].toSorted()
    )
  })
})

describe("toRequestLimits", () => {
  it("divides the memory limit", () => {
    assert.deepStrictEqual(toRequestLimits({ ...chart, memoryLimit: 1024 * MiB }), {
      small: { max: 1310, maxPerCaller: 655 },
      page: { max: 5, maxPerCaller: 2 },
      list: { max: 13, maxPerCaller: 4 },
      metadata: { max: 6, maxPerCaller: 3 },
      download: { max: 29, maxPerCaller: 14 },
      watch: { max: 409, maxPerCaller: 204 }
    })
    assert.deepStrictEqual(toRequestLimits({ ...chart, callerShare: 0.75, memoryLimit: 512 * MiB }), {
      small: { max: 655, maxPerCaller: 491 },
      page: { max: 2, maxPerCaller: 1 },
      list: { max: 6, maxPerCaller: 4 },
      metadata: { max: 3, maxPerCaller: 2 },
      download: { max: 14, maxPerCaller: 10 },
      watch: { max: 204, maxPerCaller: 153 }
    })
  })

  it("allows one request of each kind with little memory", () => {
    for (const { max, maxPerCaller } of Object.values(toRequestLimits({ ...chart, memoryLimit: MiB }))) {
      assert.deepStrictEqual([max, maxPerCaller], [1, 1])
    }
  })

  it("obeys the settings for downloads and watches", () => {
    const { download, watch } = toRequestLimits({
      callerShare: 1,
      maxDownloads: 3,
      maxWatches: 2,
      memoryLimit: 1024 * MiB
    })
    assert.deepStrictEqual([download, watch], [{ max: 3, maxPerCaller: 3 }, { max: 2, maxPerCaller: 2 }])
  })

  it("leaves memory for the runtime and the index", () => {
    const requests = Object.values(requestKinds).reduce((sum, { share }) => sum + share, 0)
    assert.isAtMost(requests + toMaxIndexBytes(1000) / 1000 + 1 / 16, 0.97)
  })

  it("is documented", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../../docs/operations/limits.md"), "utf8")
    const node = toRequestLimits({ ...chart, callerShare: 0.75, memoryLimit: 512 * MiB })
    const cluster = toRequestLimits({ ...chart, memoryLimit: 1024 * MiB })
    for (const [kind, cost] of Object.entries(requestKinds)) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${kind}\` |`))?.split("|").map((cell) =>
        cell.trim()
      )
      const size = cost.bytes < MiB ? `${cost.bytes / 1024} KiB` : `${cost.bytes / MiB} MiB`
      const [, , requestClass, , share, bytes, inNode, inCluster] = row ?? []
      assert.deepStrictEqual(
        [requestClass, share, bytes],
        [cost.class, `${Math.round(cost.share * 100)} %`, size],
        kind
      )
      assert.strictEqual(inNode, format(node[kind as keyof typeof node]), kind)
      assert.strictEqual(inCluster!.replace(/ .*/, ""), format(cluster[kind as keyof typeof cluster]), kind)
    }
  })
})
