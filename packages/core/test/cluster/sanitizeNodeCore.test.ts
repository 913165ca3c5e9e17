import { assert, describe, it } from "@effect/vitest"
import { sanitizeNodeCore } from "../../src/cluster/sanitizeNodeCore.ts"
import { summary } from "./support.ts"

const now = Date.UTC(2026, 0)
const rules = { maxBytes: 4096, now }

const isAccepted = (fields: Readonly<Record<string, unknown>>) =>
  sanitizeNodeCore("node-1", summary(1, fields), rules) !== undefined

const at = (hoursAhead: number) => ({ COREDUMP_TIMESTAMP: new Date(now + hoursAhead * 3_600_000).toISOString() })
const nested = (depth: number) => ({ EXTRA: JSON.parse("[".repeat(depth) + "]".repeat(depth)) as unknown })

describe("a core from a node", () => {
  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["without a pod", {}],
    ["of a pod", { namespace: "shop", pod: "web-6d4b75cb6d-hk5vq", container: "web" }],
    ["of a static pod", { namespace: "kube-system", pod: "etcd-node-1.example.com", container: "etcd" }],
    ["of the pause container of CRI-O", { namespace: "shop", pod: "web-0", container: "POD" }],
    ["with the longest names", { namespace: "n".repeat(63), pod: "p".repeat(253), container: "c".repeat(253) }],
    ["that is empty", { size: 0 }],
    ["of 8 PiB", { size: 2 ** 53 - 1 }],
    ["before 1970", { COREDUMP_TIMESTAMP: "1969-12-31T23:59:59Z" }],
    ["of a node whose clock is an hour ahead", at(1)],
    ["of a node whose clock is almost a day ahead", at(23.9)],
    ["with a nested field", nested(7)]
  ])("%s is accepted", (_, fields) => assert.isTrue(isAccepted(fields)))

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ["with a negative size", { size: -1 }],
    ["with a fractional size", { size: 0.5 }],
    ["with a size beyond the integers of JSON", { size: 2 ** 53 }],
    ["with an infinite size", { size: Number.POSITIVE_INFINITY }],
    ["with a newline in its namespace", { namespace: "shop\nkube-system" }],
    ["with an empty namespace", { namespace: "" }],
    ["with a namespace of another form", { namespace: "Shop" }],
    ["with a namespace that ends in a hyphen", { namespace: "shop-" }],
    ["with a namespace that is too long", { namespace: "n".repeat(64) }],
    ["with a line separator in its namespace", { namespace: "shop\u2028" }],
    ["with an escape sequence in its pod", { pod: "web\u001b[2J" }],
    ["with a tag character in its pod", { pod: "web\u{e0041}" }],
    ["with a path as its pod", { pod: "../../etc" }],
    ["with a pod that is too long", { pod: "p".repeat(254) }],
    ["with a newline at the end of its container", { container: "web\n" }],
    ["with a container that is too long", { container: "c".repeat(254) }],
    ["of the year 2286", { COREDUMP_TIMESTAMP: "2286-11-20T17:46:40Z" }],
    ["of a node whose clock is more than a day ahead", at(24.1)],
    ["of the year 9999", { COREDUMP_TIMESTAMP: "9999-12-31T23:59:59Z" }],
    ["with a deeply nested field", nested(8)],
    ["that is too large", { title: "x".repeat(4096) }]
  ])("%s is not accepted", (_, fields) => assert.isFalse(isAccepted(fields)))
})
