/** Cores, nodes, files and a shell for tests. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { CoreSource, type CoreSummary, type NodeStatus } from "@koredump/core"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { ConfigProvider, Console, Context, Effect, Layer, Option } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeRun } from "../src/cli.ts"
import type { Connection } from "../src/connection/Connection.ts"
import { Screen } from "../src/text/Screen.ts"
import { toExitCode } from "../src/toExitCode.ts"

/** 2023-11-14 22:13:20 UTC, in microseconds. */
export const noon = 1_700_000_000_000_000

/** The time of the tests in milliseconds: one hour after `noon`. */
export const testNow = noon / 1000 + 3_600_000

/** A core of a pod, with all fields of a summary. */
export const core = (fields: Record<string, unknown> = {}): CoreSummary =>
  ({
    id: "core.prog.0.e36680b3d32e4f4f9899d72d34fe5fb3.207856.1638186984000000.lz4",
    node: "ocp-6",
    state: "present",
    size: 73_421,
    compression: "lz4",
    title: "SIGXCPU in spin (prog)",
    namespace: "demo",
    pod: "po-prog-oam-0",
    container: "ctr-prog",
    image_name: "registry.example/demo/prog:1.2.0",
    COREDUMP_CMDLINE: "/usr/bin/prog -a",
    COREDUMP_COMM: "prog",
    COREDUMP_EXE: "/usr/bin/prog",
    COREDUMP_PID: 207_856,
    COREDUMP_UID: 0,
    COREDUMP_GID: 0,
    COREDUMP_SIGNAL: 24,
    COREDUMP_SIGNAL_NAME: "SIGXCPU",
    COREDUMP_TIMESTAMP: "2022-02-23T08:23:16Z",
    resourceVersion: "a-1",
    ...fields
  }) as unknown as CoreSummary

/** A node with 2 cores, ready for one hour. */
export const node = (name: string, fields: Partial<NodeStatus> = {}): NodeStatus => ({
  name,
  state: "ready",
  since: "2023-11-14T22:13:20Z",
  lastContact: "2023-11-14T23:13:18Z",
  cores: 2,
  bytes: 2048,
  ...fields
})

/** The connection without any flags. */
export const connection = (options: Partial<Connection> = {}): Connection => ({
  server: Option.none(),
  local: false,
  root: Option.none(),
  token: Option.none(),
  kubeconfig: Option.none(),
  context: Option.none(),
  asServiceAccount: Option.none(),
  certificateAuthority: Option.none(),
  koredumpNamespace: "koredump",
  verbose: false,
  ...options
})

/** Environment variables. */
export const environment = (variables: Record<string, string>) =>
  ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

/** A directory that is deleted after the test. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "koredumpctl-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Writes a kubeconfig to a directory and returns its path. */
export const kubeconfig = (directory: string, { cluster = {}, contexts = [], current, users = {} }: {
  readonly current?: string
  readonly contexts?: ReadonlyArray<{ readonly name: string; readonly user: string; readonly namespace?: string }>
  readonly users?: Readonly<Record<string, unknown>>
  readonly cluster?: Readonly<Record<string, unknown>>
}): string => {
  const path = join(directory, "kubeconfig")
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": current,
      contexts: contexts.map(({ name, ...context }) => ({ name, context: { ...context, cluster: "kubernetes" } })),
      users: Object.entries(users).map(([name, user]) => ({ name, user })),
      clusters: [{ name: "kubernetes", cluster: { server: "https://kubernetes.example", ...cluster } }]
    })
  )
  return path
}

/** Streams that are not terminals. */
export const noScreen = Layer.succeed(
  Screen,
  Screen.of({ stdout: undefined, stderr: undefined, color: false, draw: () => Effect.void, confirm: undefined })
)

/** The result of a command. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs commands on scripted cores. */
export interface Shell {
  readonly run: (...argv: ReadonlyArray<string>) => Effect.Effect<Outcome>
  readonly script: FakeCores["Service"]
  readonly source: CoreSource["Service"]
}

const content = new TextEncoder().encode("core!")

/** A stored core. Default: with content, at `noon`. */
export const stored = (fake: FakeCore = {}): FakeCore => ({ content, time: noon, ...fake })

/** For `wrap`: node-2 is unreachable. */
export const withUnreachableNode = ({ list }: CoreSource["Service"]): Partial<CoreSource["Service"]> => ({
  list: (query) => Effect.map(list(query), (all) => ({ ...all, unreachable: ["node-2"] }))
})

/** The notice about node-2 when a core is selected by `-1` or a name. */
export const otherCoreNotice = "1 node unreachable, a newer or another core may match there: node-2"

/** A shell with these cores. `columns` makes stdout a terminal; `wrap` replaces parts of the source. */
export const makeShell = Effect.fnUntraced(function*(
  cores: ReadonlyArray<FakeCore>,
  options: {
    readonly columns?: number
    readonly kubectl?: boolean
    readonly environment?: Record<string, string>
    /** Answers questions at the terminal. */
    readonly confirm?: (question: string) => Effect.Effect<boolean>
    readonly wrap?: (source: CoreSource["Service"], script: FakeCores["Service"]) => Partial<CoreSource["Service"]>
  } = {}
) {
  yield* TestClock.setTime(testNow)
  const context = yield* Layer.build(layerFakeCoreSource())
  const script = Context.get(context, FakeCores)
  const source = Context.get(context, CoreSource)
  for (const fake of cores) yield* script.put(fake)
  const layerSource = Layer.succeed(CoreSource, CoreSource.of({ ...source, ...options.wrap?.(source, script) }))
  const screen = Screen.of({
    stdout: options.columns === undefined ? undefined : { columns: options.columns },
    stderr: undefined,
    color: false,
    draw: () => Effect.void,
    confirm: options.confirm
  })

  const run = (...argv: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      // A separate console for each command.
      const console = yield* TestConsole.make
      const exit = yield* Effect.exit(makeRun(() => layerSource, { kubectl: options.kubectl ?? false })(argv)).pipe(
        Effect.provideService(Console.Console, console as never)
      )
      const stdout = (yield* console.logLines).join("\n")
      const stderr = (yield* console.errorLines).join("\n")
      return { code: toExitCode(exit), stdout, stderr }
    }).pipe(Effect.provide([
      NodeServices.layer,
      Layer.succeed(Screen, screen),
      // Tests must not use the kubeconfig of this machine.
      environment({ KUBECONFIG: "/nonexistent/config", ...options.environment })
    ]))

  return { run, script, source } satisfies Shell
})
