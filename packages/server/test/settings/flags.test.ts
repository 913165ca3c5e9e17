/** Flags and variables of the program. */
import { assert, describe, it } from "@effect/vitest"
import { main, run } from "../support/program.ts"

describe("settings", () => {
  const tokens = ["--auth", "token-file", "--token-file", "/nowhere/tokens"]
  const oneNode = ["--node", "w1=http://127.0.0.1:1"]
  const loopback = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]

  it.each<readonly [ReadonlyArray<string>, RegExp]>([
    [["local", "--listen", "0.0.0.0:5000"], /listens on loopback only/],
    [["local", "--listen", "here"], /--listen \(KOREDUMP_LISTEN\): invalid address "here"/],
    [["local", "--grace-period", "soon"], /--grace-period \(KOREDUMP_GRACE_PERIOD\): invalid duration "soon"/],
    [["local", "--max-missing-age", "1y"], /--max-missing-age \(KOREDUMP_MAX_MISSING_AGE\): invalid duration "1y"/],
    [
      ["local", "--max-downloads", "0"],
      /Invalid value for flag --max-downloads: "0"\. Expected: an integer greater than 0\./
    ],
    [["local", "--colour", "red"], /--colour/],
    [["local", "--auth", "none"], /--auth/],
    [["everything"], /everything/],
    [["node", ...tokens], /--insecure-http/],
    [["node", ...loopback], /--auth is required/],
    [["node", "--auth", "none", "--insecure-http"], /--insecure-no-auth/],
    [["node", "--auth", "kubernetes", ...loopback], /kubeconfig/i],
    [["node", "--kubeconfig", "/nowhere/config", ...loopback], /kubeconfig \/nowhere\/config/],
    [["node", "--auth", "none", ...loopback, "--namespace-regex", "a("], /--namespace-regex: "a\("/],
    [["node", "--auth", "token-file", ...loopback], /requires --token-file/],
    [["node", ...tokens, ...loopback], /--token-file \/nowhere\/tokens: invalid token file: cannot be read/],
    [["node", ...tokens, ...loopback, "--authorization", "rbac"], /requires --auth kubernetes/],
    [["node", "--auth", "none", ...loopback, "--tls-cert", "/cert"], /must be used together/],
    [
      ["node", "--auth", "none", ...loopback, "--tls-cert", "/cert", "--tls-key", "/key"],
      /--tls-cert \/cert: cannot be read/
    ],
    [
      ["node", "--auth", "none", ...loopback, "--tls-cert", main, "--tls-key", main],
      /not a matching certificate and key/
    ],
    [["cluster", ...loopback], /--auth is required/],
    [["cluster", "--auth", "none", ...loopback], /--node NAME=URL/],
    [["cluster", "--auth", "none", ...loopback, "--node", "..=http://h:1"], /--node: invalid value/],
    [["cluster", "--auth", "none", ...loopback, "--node", "w1"], /--node: invalid value "w1"/],
    [
      ["cluster", "--auth", "none", ...loopback, "--node", "w1=https://u:pw@h:1"],
      /--node: invalid URL of node w1: .*credentials/
    ],
    [
      ["cluster", "--auth", "none", ...loopback, "--node", "w1=https://h:1/?x=1"],
      /--node: invalid URL of node w1: .*quer/
    ],
    [["cluster", "--auth", "none", ...loopback, "--node", "w1=ftp://w1"], /--node: invalid value/],
    [["cluster", "--auth", "none", ...loopback, "--node", "名=http://w1"], /--node: invalid value/],
    [
      ["cluster", "--auth", "none", ...loopback, "--node", "w1=http://a", "--node", "w1=http://b"],
      /w1 is specified twice/
    ],
    [["cluster", "--auth", "none", ...loopback, ...oneNode, "--node-ca", "/nowhere/ca"], /\/nowhere\/ca/],
    [["cluster", "--auth", "none", ...loopback, ...oneNode, "--node-token-file", "/nowhere/token"], /\/nowhere\/token/],
    [["cluster", "--auth", "none"], /--insecure-http/]
  ])("%j: prints a sentence and exits with 2", (args, sentence) => {
    const { output, status } = run(args)
    assert.match(output, sentence)
    assert.strictEqual(status, 2)
  })

  it("reads each setting from its variable, or from its flag, which has precedence", () => {
    const env = { KOREDUMP_LISTEN: "0.0.0.0:1", KOREDUMP_GRACE_PERIOD: "soon" }
    assert.match(run(["local"], env).output, /--listen 0\.0\.0\.0:1/)
    assert.match(run(["local", "--listen", "127.0.0.1:0"], env).output, /invalid duration "soon"/)
    assert.match(
      run(["cluster"], { KOREDUMP_AUTH: "none", KOREDUMP_LISTEN: ":0", KOREDUMP_NODE: "w1=http://a,w2" }).output,
      /insecure/
    )
    assert.match(
      run(["node", ...loopback], { KUBERNETES_SERVICE_HOST: "10.0.0.1", NODE_NAME: "" }).output,
      /--auth is required/
    )
  })

  it.each<readonly [ReadonlyArray<string>, Record<string, string>, string, string]>([
    [["local", "--bogus"], {}, "Unknown flag: --bogus.", "koredump-server local"],
    [["bogus"], {}, "Unknown mode: bogus.", "koredump-server"],
    [["local", "extra"], {}, "Unexpected positional argument: \"extra\".", "koredump-server local"],
    [["local", "--listen"], {}, "Missing value for flag --listen. Expected: HOST:PORT.", "koredump-server local"],
    [
      ["local", "--log-level", "warn"],
      {},
      "Invalid value for flag --log-level: \"warn\". Expected: trace, debug, info, warning, error or none.",
      "koredump-server local"
    ],
    [
      ["cluster", "--max-cores", "x"],
      {},
      "Invalid value for flag --max-cores: \"x\". Expected: an integer.",
      "koredump-server cluster"
    ],
    [
      ["local"],
      { KOREDUMP_MAX_CORES: "foo" },
      "Invalid value for variable KOREDUMP_MAX_CORES: \"foo\". Expected: an integer greater than 0.",
      "koredump-server local"
    ],
    [
      ["local"],
      { KOREDUMP_MAX_CORES: "-1" },
      "Invalid value for variable KOREDUMP_MAX_CORES: \"-1\". Expected: an integer greater than 0.",
      "koredump-server local"
    ],
    [
      ["local"],
      { KOREDUMP_ALLOW_DELETE: "maybe" },
      "Invalid value for variable KOREDUMP_ALLOW_DELETE: \"maybe\". Expected: true or false.",
      "koredump-server local"
    ],
    [
      ["node"],
      { KOREDUMP_AUTH: "basic" },
      "Invalid value for variable KOREDUMP_AUTH: \"basic\". Expected: kubernetes, token-file or none.",
      "koredump-server node"
    ]
  ])("%j %j: prints one sentence and where to find help", (args, env, sentence, command) => {
    assert.deepStrictEqual(run(args, env), {
      status: 2,
      output: `koredump-server: ${sentence}\n  See: ${command} --help\n`
    })
  })

  it("names the variable of an invalid address", () => {
    assert.match(
      run(["local"], { KOREDUMP_LISTEN: "foo" }).output,
      /^koredump-server: --listen \(KOREDUMP_LISTEN\): invalid address "foo" \(examples: [^)]+\)\.\n$/
    )
  })

  it("prints help and exits with 2 if there is no mode", () => {
    const { output, status } = run([])
    assert.match(output, /USAGE/)
    assert.strictEqual(status, 2)
  })

  it("prints each flag with its variable in --help, and the version", () => {
    for (const [mode, count] of [["local", 13], ["node", 25], ["cluster", 27]] as const) {
      const { output, status } = run([mode, "--help"])
      assert.strictEqual(status, 0)
      const flags = [...output.matchAll(/--([a-z-]+) .*\[(\w+)\]/g)]
      assert.isAtLeast(flags.length, count, mode)
      for (const [, flag, variable] of flags) {
        assert.strictEqual(variable, `KOREDUMP_${flag!.toUpperCase().replaceAll("-", "_")}`)
      }
    }
    assert.deepInclude(run(["--version"]), { status: 0 })
  })
})
