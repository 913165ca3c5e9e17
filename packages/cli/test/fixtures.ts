/** Cores, a screen and a way to run command lines, for all tests. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { CoreSource, type CoreSummary, type NodeStatus } from "@koredump/core"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { ConfigProvider, Console, Context, Effect, Layer, Option } from "effect"
import { TestClock, TestConsole } from "effect/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeRun } from "../src/cli.ts"
import type { Connection } from "../src/commands/root.ts"
import { exitCodeOf } from "../src/text/CommandError.ts"
import { Screen } from "../src/text/Screen.ts"

/** 2023-11-14 22:13:20 UTC, in microseconds. */
export const noon = 1_700_000_000_000_000

/** Milliseconds at which tests run: an hour after `noon`. */
export const testNow = noon / 1000 + 3_600_000

/** A core of a pod, with all that a summary can have. */
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

/** A node with 2 cores, ready since an hour before the tests' time. */
export const node = (name: string, fields: Partial<NodeStatus> = {}): NodeStatus => ({
  name,
  state: "ready",
  since: "2023-11-14T22:13:20Z",
  lastContact: "2023-11-14T23:13:18Z",
  cores: 2,
  bytes: 2048,
  ...fields
})

/** Where the cores come from where no option says. */
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

/** A directory that is gone after the test. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "koredumpctl-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Writes a kubeconfig into a directory; its path. */
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

/** Nobody looks at these. */
export const noScreen = Layer.succeed(
  Screen,
  Screen.of({ stdout: undefined, stderr: undefined, color: false, draw: () => Effect.void, confirm: undefined })
)

/** What a run left behind. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A way to run command lines over scripted cores. */
export interface Shell {
  readonly run: (...argv: ReadonlyArray<string>) => Effect.Effect<Outcome>
  readonly script: FakeCores["Service"]
  readonly source: CoreSource["Service"]
}

const content = new TextEncoder().encode("core!")

/** Cores with content, unless they say otherwise. */
export const stored = (fake: FakeCore = {}): FakeCore => ({ content, time: noon, ...fake })

/** For `wrap`: node-2 is away. */
export const partly = ({ list }: CoreSource["Service"]): Partial<CoreSource["Service"]> => ({
  list: (query) => Effect.map(list(query), (all) => ({ ...all, unreachable: ["node-2"] }))
})

/** What is said of it where a core was to be chosen. */
export const maybeAnother = "1 node could not be reached, there may be a newer core or another one: node-2"

/** Scripts the cores; `columns` makes stdout a terminal; `wrap` replaces parts of the source. */
export const makeShell = Effect.fnUntraced(function*(
  cores: ReadonlyArray<FakeCore>,
  options: {
    readonly columns?: number
    readonly kubectl?: boolean
    readonly environment?: Record<string, string>
    /** Answers what a person at the terminal is asked. */
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
      // Each run has a console of its own.
      const console = yield* TestConsole.make
      const exit = yield* Effect.exit(makeRun(() => layerSource, { kubectl: options.kubectl ?? false })(argv)).pipe(
        Effect.provideService(Console.Console, console as never)
      )
      const stdout = (yield* console.logLines).join("\n")
      const stderr = (yield* console.errorLines).join("\n")
      return { code: exitCodeOf(exit), stdout, stderr }
    }).pipe(Effect.provide([
      NodeServices.layer,
      Layer.succeed(Screen, screen),
      // What this machine has of Kubernetes is none of the tests' business.
      environment({ KUBECONFIG: "/nonexistent/config", ...options.environment })
    ]))

  return { run, script, source } satisfies Shell
})
