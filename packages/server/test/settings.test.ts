/** What the program makes of its flags and variables. */
import { assert, describe, it } from "@effect/vitest"
import { main, run } from "./program.ts"

describe("settings", () => {
  const tokens = ["--auth", "token-file", "--token-file", "/nowhere/tokens"]
  const oneNode = ["--node", "w1=http://127.0.0.1:1"]
  const loopback = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]

  it.each<readonly [ReadonlyArray<string>, RegExp]>([
    [["local", "--listen", "0.0.0.0:5000"], /loopback only/],
    [["local", "--listen", "here"], /"here" is no address/],
    [["local", "--grace-period", "soon"], /"soon" is no duration/],
    [["local", "--max-missing-age", "1y"], /--max-missing-age: "1y" is no duration/],
    [["local", "--max-downloads", "0"], /--max-downloads must be greater than 0/],
    [["local", "--colour", "red"], /--colour/],
    [["local", "--auth", "none"], /--auth/],
    [["everything"], /everything/],
    [["node", ...tokens], /--insecure-http/],
    [["node", ...loopback], /--auth must be said/],
    [["node", "--auth", "none", "--insecure-http"], /--insecure-no-auth/],
    [["node", "--auth", "kubernetes", ...loopback], /There is no kubeconfig/],
    [["node", "--kubeconfig", "/nowhere/config", ...loopback], /kubeconfig \/nowhere\/config/],
    [["node", "--auth", "none", ...loopback, "--namespace-regex", "a("], /--namespace-regex: "a\("/],
    [["node", "--auth", "token-file", ...loopback], /needs --token-file/],
    [["node", ...tokens, ...loopback], /\/nowhere\/tokens cannot be used/],
    [["node", ...tokens, ...loopback, "--authorization", "rbac"], /needs --auth kubernetes/],
    [["node", "--auth", "none", ...loopback, "--tls-cert", "/cert"], /one of them is missing/],
    [["node", "--auth", "none", ...loopback, "--tls-cert", "/cert", "--tls-key", "/key"], /\/cert cannot be read/],
    [["node", "--auth", "none", ...loopback, "--tls-cert", main, "--tls-key", main], /no certificate/],
    [["cluster", ...loopback], /--auth must be said/],
    [["cluster", "--auth", "none", ...loopback], /--node NAME=URL/],
    [["cluster", "--auth", "none", ...loopback, "--node", "..=http://h:1"], /is no NAME=URL/],
    [["cluster", "--auth", "none", ...loopback, "--node", "w1"], /"w1" is no NAME=URL/],
    [
      ["cluster", "--auth", "none", ...loopback, "--node", "w1=https://u:pw@h:1"],
      /--node: the URL of w1: it has credentials/
    ],
    [
      ["cluster", "--auth", "none", ...loopback, "--node", "w1=https://h:1/?x=1"],
      /of w1: it has credentials, a query or/
    ],
    [["cluster", "--auth", "none", ...loopback, "--node", "w1=ftp://w1"], /no NAME=URL/],
    [["cluster", "--auth", "none", ...loopback, "--node", "名=http://w1"], /no NAME=URL/],
    [["cluster", "--auth", "none", ...loopback, "--node", "w1=http://a", "--node", "w1=http://b"], /w1 is named twice/],
    [["cluster", "--auth", "none", ...loopback, ...oneNode, "--node-ca", "/nowhere/ca"], /\/nowhere\/ca/],
    [["cluster", "--auth", "none", ...loopback, ...oneNode, "--node-token-file", "/nowhere/token"], /\/nowhere\/token/],
    [["cluster", "--auth", "none"], /--insecure-http/]
  ])("%j: exit code 2 and a sentence", (args, sentence) => {
    const { said, status } = run(args)
    assert.match(said, sentence)
    assert.strictEqual(status, 2)
  })

  it("each flag has a variable; the flag wins", () => {
    const env = { KOREDUMP_LISTEN: "0.0.0.0:1", KOREDUMP_GRACE_PERIOD: "soon" }
    assert.match(run(["local"], env).said, /--listen 0\.0\.0\.0:1/)
    assert.match(run(["local", "--listen", "127.0.0.1:0"], env).said, /"soon" is no duration/)
    assert.match(
      run(["cluster"], { KOREDUMP_AUTH: "none", KOREDUMP_LISTEN: ":0", KOREDUMP_NODE: "w1=http://a,w2" }).said,
      /insecure/
    )
    assert.match(
      run(["node", ...loopback], { KUBERNETES_SERVICE_HOST: "10.0.0.1", NODE_NAME: "" }).said,
      /--auth must be said/
    )
    assert.match(run(["local"], { KOREDUMP_MAX_DOWNLOADS: "many" }).said, /KOREDUMP_MAX_DOWNLOADS|many/)
  })

  it("--help says each flag with its variable, --version the version", () => {
    for (const [mode, count] of [["local", 13], ["node", 25], ["cluster", 27]] as const) {
      const { said, status } = run([mode, "--help"])
      assert.strictEqual(status, 0)
      const flags = [...said.matchAll(/--([a-z-]+) .*\[(\w+)\]/g)]
      assert.isAtLeast(flags.length, count, mode)
      for (const [, flag, variable] of flags) {
        assert.strictEqual(variable, `KOREDUMP_${flag!.toUpperCase().replaceAll("-", "_")}`)
      }
    }
    assert.deepInclude(run(["--version"]), { status: 0 })
  })
})
