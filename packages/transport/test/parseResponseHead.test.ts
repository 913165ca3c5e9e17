import { assert, describe, it } from "@effect/vitest"
import { parseResponseHead } from "../src/parseResponseHead.ts"

const head = (...lines: ReadonlyArray<string>) => lines.join("\r\n")

describe("parseResponseHead", () => {
  it.each<readonly [string, ReadonlyArray<string>, number, number, ReadonlyArray<readonly [string, string]>]>([
    ["a success", ["HTTP/1.1 200 OK", "Content-Length: 5"], 200, 5, [["content-length", "5"]]],
    ["a range", ["HTTP/1.1 206", "content-length:0", "ETag: \"a: b\" \t"], 206, 0, [
      ["content-length", "0"],
      ["etag", "\"a: b\""]
    ]],
    ["a repeated field", ["HTTP/1.1 200 ", "a: 1", "A:", "content-length: 7"], 200, 7, [
      ["a", "1"],
      ["a", ""],
      ["content-length", "7"]
    ]]
  ])("parses %s", (_, lines, status, length, headers) => {
    assert.deepStrictEqual(parseResponseHead(head(...lines)), { status, length, headers })
  })

  it.each<readonly [string, ReadonlyArray<string>]>([
    ["another status", ["HTTP/1.1 404 Not Found", "content-length: 5"]],
    ["an interim response", ["HTTP/1.1 100 Continue"]],
    ["another version", ["HTTP/1.0 200 OK", "content-length: 5"]],
    ["no length", ["HTTP/1.1 200 OK"]],
    ["two lengths", ["HTTP/1.1 200 OK", "content-length: 5", "content-length: 5"]],
    ["a list of lengths", ["HTTP/1.1 200 OK", "content-length: 5, 5"]],
    ["a negative length", ["HTTP/1.1 200 OK", "content-length: -5"]],
    ["a length in another notation", ["HTTP/1.1 200 OK", "content-length: 0x5"]],
    ["a length that is too large", ["HTTP/1.1 200 OK", "content-length: 1234567890123456"]],
    ["an encoding", ["HTTP/1.1 200 OK", "content-length: 5", "Transfer-Encoding: chunked"]],
    ["a field without a colon", ["HTTP/1.1 200 OK", "content-length: 5", "x"]],
    ["a space before the colon", ["HTTP/1.1 200 OK", "content-length : 5"]],
    ["a folded line", ["HTTP/1.1 200 OK", "content-length: 5", " x: 1"]],
    ["a bare line feed", ["HTTP/1.1 200 OK", "x: 1\ncontent-length: 5"]],
    ["a control character", ["HTTP/1.1 200 OK", "content-length: 5", "x: \0"]],
    ["nothing", [""]]
  ])("leaves a response with %s to the HTTP client", (_, lines) => {
    assert.isUndefined(parseResponseHead(head(...lines)))
  })
})
