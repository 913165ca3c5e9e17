import { assert, describe, it } from "@effect/vitest"
import { displayWidth } from "../../src/text/terminalText.ts"
import { wrapHelp } from "../../src/text/wrapHelp.ts"

const help = `USAGE
  koredumpctl list [flags] and a line that is longer than the terminal

FLAGS
  --server URL    URL of the koredump server (default: KOREDUMP_SERVER)
  --local         Short`

describe("wrapHelp", () => {
  it("wraps descriptions between words, below themselves", () => {
    assert.strictEqual(
      wrapHelp(help, 40),
      `USAGE
  koredumpctl list [flags] and a line that is longer than the terminal

FLAGS
  --server URL    URL of the koredump
                  server (default:
                  KOREDUMP_SERVER)
  --local         Short`
    )
  })

  it("does not count escape sequences", () => {
    const colored = help.replaceAll("--server", "\u001b[32m--server\u001b[0m")
    assert.strictEqual(displayWidth(wrapHelp(colored, 40).split("\n")[4]!), 37)
  })

  it("keeps a help page that fits", () => {
    assert.strictEqual(wrapHelp(help, 80), help)
  })
})
