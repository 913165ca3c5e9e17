import { assert, describe, it } from "@effect/vitest"
import { parseServerUrl } from "../../src/connection/parseServerUrl.ts"

describe("parseServerUrl", () => {
  it.each([
    ["http://127.0.0.1:5000", "http://127.0.0.1:5000", "http://127.0.0.1:5000"],
    [new URL("https://koredump.example//"), "https://koredump.example", "https://koredump.example"],
    ["https://proxy.example/koredump/", "https://proxy.example/koredump", "https://proxy.example/koredump"],
    ["unix:/run/koredump.sock", "http://localhost", "unix:/run/koredump.sock"]
  ])("parses %s", (url, base, name) => assert.deepStrictEqual(parseServerUrl(url), { base, name }))

  it.each([
    ["", /Invalid URL/],
    ["koredump.example", /Invalid URL/],
    ["localhost:5000", /^Invalid server URL localhost:5000: use http:\/\/ or https:\/\/\.$/],
    [
      "https://user:secret@koredump.example",
      /^Invalid server URL at https:\/\/koredump\.example: remove the credentials/
    ],
    ["https://koredump.example?a=b", /remove the credentials, query or fragment/],
    ["https://koredump.example#a", /remove the credentials, query or fragment/]
  ])("rejects %j", (url, message) => assert.throws(() => parseServerUrl(url), TypeError, message))
})
