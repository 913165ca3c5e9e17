import { assert, describe, it } from "@effect/vitest"
import { isLoopbackRequest } from "../../src/auth/loopback.ts"

describe("isLoopbackRequest", () => {
  it.each([
    [{ host: "localhost:5000" }, true],
    [{ host: "LOCALHOST:5000" }, true],
    [{ host: "127.0.0.1:5000" }, true],
    [{ host: "127.1.2.3" }, true],
    [{ host: "[::1]:5000" }, true],
    [{ host: "127.0.0.1:5000", origin: "http://127.0.0.1:5000" }, true],
    // No Host, or a name of another site that resolves to loopback.
    [{}, false],
    [{ host: "" }, false],
    [{ host: "evil.example" }, false],
    [{ host: "evil.example:5000" }, false],
    [{ host: "127.0.0.1.evil.example:5000" }, false],
    [{ host: "localhost.evil.example" }, false],
    [{ host: "evil.example\\@localhost" }, false],
    [{ host: "localhost:5000, evil.example" }, false],
    // Requests of other pages, even of another server on this host.
    [{ host: "127.0.0.1:5000", origin: "https://evil.example" }, false],
    [{ host: "127.0.0.1:5000", origin: "http://127.0.0.1:3000" }, false],
    [{ host: "127.0.0.1:5000", origin: "http://localhost:5000" }, false],
    [{ host: "127.0.0.1:5000", origin: "null" }, false],
    // Requests of browsers without Origin.
    [{ host: "127.0.0.1:5000", "sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors" }, true],
    [{ host: "127.0.0.1:5000", "sec-fetch-site": "none", "sec-fetch-mode": "navigate" }, true],
    [{ host: "127.0.0.1:5000", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, true],
    [{ host: "127.0.0.1:5000", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, false],
    [{ host: "127.0.0.1:5000", "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }, false]
  ])("%j", (headers, expected) => {
    assert.strictEqual(isLoopbackRequest(headers), expected)
  })
})
