import { assert, describe, it } from "@effect/vitest"
import { getQuality, parseAccept } from "../../src/http/accept.ts"

describe("getQuality", () => {
  it.each([
    [undefined, 1],
    ["", 0],
    ["*/*", 1],
    ["text/plain", 0],
    ["text/html", 1],
    ["TEXT/HTML;level=1; Q=0.3", 0.3],
    ["text/*;q=0.2", 0.2],
    ["text/*;q=0.2, text/html;q=0.7, */*;q=0.9", 0.7],
    ["text/*;q=0.2, */*;q=0.9", 0.2],
    ["text/html;q=0, */*", 0],
    ["text/html;q=0.000", 0],
    // Invalid weights are ignored.
    ["text/html;q=2", 1],
    ["text/html;q=", 1],
    ["textX/html", 0]
  ])("Accept: %s", (header, quality) => {
    assert.strictEqual(getQuality(parseAccept(header), "text/html"), quality)
  })
})
