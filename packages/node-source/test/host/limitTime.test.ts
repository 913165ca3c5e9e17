import { assert, it } from "@effect/vitest"
import { limitTime } from "../../src/host/watchCoreDirectory.ts"
import { toCoreId } from "../support/FakeHost.ts"

const second = 1_700_000_000
const day = 86_400
const toNanos = (seconds: number) => BigInt(seconds) * 1_000_000_000n

it.each<readonly [string, { name?: number; xattr?: string; mtime?: number; ctime?: number }, string | undefined]>([
  ["name of the present", {}, undefined],
  ["attribute of the present", { xattr: "2023-11-14T22:13:20Z" }, "2023-11-14T22:13:20Z"],
  ["attribute within a day", { xattr: "2023-11-15T22:13:20Z" }, "2023-11-15T22:13:20Z"],
  ["attribute after more than a day", { xattr: "2023-11-15T22:13:21Z" }, "2023-11-14T22:13:20Z"],
  ["attribute of 2286", { xattr: "2286-11-20T17:46:39.999999Z" }, "2023-11-14T22:13:20Z"],
  ["attribute and mtime of 2286", { xattr: "2286-11-20T17:46:39Z", mtime: 9_999_999_999 }, "2023-11-14T22:13:20Z"],
  ["attribute of 2286, file copied a year later", {
    xattr: "2286-11-20T17:46:39Z",
    ctime: second + 365 * day
  }, "2023-11-14T22:13:20Z"],
  ["name of 2286", { name: 9_999_999_999 }, "2023-11-14T22:13:20Z"],
  ["name of 2286, attribute of the present", {
    name: 9_999_999_999,
    xattr: "2023-11-14T22:13:20Z"
  }, "2023-11-14T22:13:20Z"]
])("time of a core: %s", (_, { ctime = second, mtime = second, name = second, xattr }, expected) => {
  const id = toCoreId({ time: name * 1_000_000 })
  const xattrs = xattr === undefined ? {} : { COREDUMP_TIMESTAMP: xattr }
  const stats = { ctimeNs: toNanos(ctime), mtimeNs: toNanos(mtime) }
  assert.strictEqual(limitTime(id, xattrs, stats).COREDUMP_TIMESTAMP, expected)
})
