/**
 * Run with: npm run demo            (npm run demo -- --once stops the server at the end)
 *
 * Starts a server on loopback for the core dumps of this host, or for those of the sample host next to this file if you
 * cannot read any on this host. Then lists, explains and downloads them with koredumpctl. It needs no root and writes only
 * to a new temporary directory.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { CoreMetadata } from "@koredump/core"
import { Console, Deferred, Effect, Exit, FileSystem, Option, Path, Runtime, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

const coredumpDirectory = "/var/lib/systemd/coredump"
const decodeMetadata = Schema.decodeEffect(Schema.fromJsonString(CoreMetadata))
const decodeList = Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Schema.Struct({ state: Schema.String }))))

class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { message: Schema.String }) {}

// For a POSIX shell. `CommandLine.join` is hard to read if the name of a core has backslashes.
const quoted = (words: ReadonlyArray<string>) =>
  words.map((word) => /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ")

const printCommand = (words: ReadonlyArray<string>) => Console.log(`\n$ ${quoted(words)}`)

/** The path of a program that `npm run build` built. */
const programPath = Effect.fnUntraced(function*(name: "cli" | "server") {
  const path = yield* Path.Path
  return yield* path.fromFileUrl(new URL(`../packages/${name}/dist/main.js`, import.meta.url))
})

/** Whether this host has core dumps and all of them are readable. */
const hostHasReadableCores = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const names = (yield* fs.readDirectory(coredumpDirectory)).filter((name) => name.startsWith("core."))
  yield* Effect.forEach(names, (name) => fs.access(`${coredumpDirectory}/${name}`, { readable: true }))
  return names.length > 0
}).pipe(Effect.orElseSucceed(() => false))

/** The root directory of the host's files: `/`, or the sample host, which this unpacks into `directory`. */
const findHostRoot = Effect.fnUntraced(function*(directory: string) {
  if (yield* hostHasReadableCores) {
    yield* Console.log(`Using the core dumps of this host (${coredumpDirectory}).`)
    return "/"
  }
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const path = yield* Path.Path
  const archive = yield* path.fromFileUrl(new URL("sample-host/sample-host.tar.gz", import.meta.url))
  const unpack = Effect.fnUntraced(function*(options: ReadonlyArray<string>) {
    const code = yield* spawner.exitCode(
      ChildProcess.make("tar", ["-xzf", archive, "-C", directory, ...options], { stderr: "ignore" })
    )
    if (code !== 0) return yield* new DemoFailed({ message: `Cannot unpack ${archive}. Check that tar is installed.` })
  })
  // Some versions of tar and some file systems do not support extended attributes. koredump works without them.
  yield* unpack(["--xattrs", "--xattrs-include=user.*"]).pipe(Effect.catch(() => unpack([])))
  yield* Console.log(
    "You cannot read any core dumps on this host, so the demo uses those in examples/sample-host."
  )
  return path.join(directory, "sample-host")
})

/** Starts the server on a free port of loopback and returns its URL. The server stops when the scope closes. */
const startServer = Effect.fnUntraced(function*(root: string) {
  const options = ["local", "--listen", "127.0.0.1:0", ...(root === "/" ? [] : ["--root", root])]
  yield* printCommand(["npx", "koredump-server", ...options])
  const server = yield* ChildProcess.make(process.execPath, [yield* programPath("server"), ...options], {
    stdin: "ignore",
    forceKillAfter: "5 seconds"
  })
  const address = yield* Deferred.make<string, DemoFailed>()
  yield* server.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    // Read all of the log, because a full pipe would block the server.
    Stream.runForEach((line) => {
      const url = /http:\/\/[^\s"/]+/.exec(line)?.[0]
      return url === undefined ? Effect.void : Deferred.succeed(address, url)
    }),
    Effect.ensuring(
      Deferred.fail(
        address,
        new DemoFailed({ message: "koredump-server did not start. Run the command above to see its log." })
      )
    ),
    Effect.forkScoped
  )
  const url = yield* Deferred.await(address)
  yield* Console.log(`Listening on ${url}`)
  return url
})

/** Runs koredumpctl with `server`. */
const koredumpctl = Effect.fnUntraced(function*(server: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const main = yield* programPath("cli")
  const command = (words: ReadonlyArray<string>, stdout: "inherit" | "pipe") =>
    ChildProcess.make(process.execPath, [main, ...words], {
      env: { KOREDUMP_SERVER: server },
      extendEnv: true,
      stdin: "ignore",
      stdout,
      stderr: "inherit"
    })
  yield* Console.log(`\n$ export KOREDUMP_SERVER=${server}`)
  return {
    output: (words: ReadonlyArray<string>) => spawner.string(command(words, "pipe")),
    run: Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
      yield* printCommand(["npx", "koredumpctl", ...words])
      const code = yield* spawner.exitCode(command(words, "inherit"))
      if (code !== 0) return yield* new DemoFailed({ message: `koredumpctl ${words[0]} failed with exit code ${code}` })
    })
  }
})

/** The command that opens the downloaded core in `directory` with gdb. */
const findDebuggerCommand = Effect.fnUntraced(function*(root: string, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(directory)
  const metadata = names.find((name) => name.endsWith(".json"))
  if (metadata === undefined) return yield* new DemoFailed({ message: "koredumpctl wrote no metadata" })
  const core = path.join(directory, metadata.slice(0, -".json".length))
  const { COREDUMP_EXE } = yield* fs.readFileString(path.join(directory, metadata)).pipe(Effect.flatMap(decodeMetadata))
  const exe = Option.fromNullishOr(COREDUMP_EXE).pipe(Option.map((exe) => path.join(root, exe)))
  return quoted(["gdb", ...Option.toArray(exe), core])
})

/** `core` selects the core that the demo showed. */
const whileRunning = (server: string, directory: string, core: string) => `
The server is still running at ${server}. To stop it, press Ctrl-C.

What to try next, in a second terminal in the root of this repository:

  export KOREDUMP_SERVER=${server}
  npx koredumpctl list --signal SIGABRT
  npx koredumpctl info ${core} -o json
  npx koredumpctl status
  npx koredumpctl list --watch        # shows new crashes until you press Ctrl-C
  npx koredumpctl --help

The REST API is documented at ${server}/docs. The command "npm run demo -- --once" runs this demo
without leaving the server running. To run koredump on your hosts, read docs/guide.md. To run it on
Kubernetes, read docs/cluster.md. When you are done, delete ${directory}.`

/** `core` selects the core that the demo showed. */
const afterwards = (root: string, directory: string, core: string) => `
The demo is complete, and its server has stopped.

What to try next, in the root of this repository:

  npx koredumpctl list --local --root ${root} --signal SIGABRT
  npx koredumpctl info ${core} --local --root ${root} -o json
  npx koredumpctl --help
  npm run demo        # runs the demo again and leaves the server running

To run koredump on your hosts, read docs/guide.md. To run it on Kubernetes, read docs/cluster.md.
When you are done, delete ${directory}.`

const demo = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectory({ prefix: "koredump-demo-" })
  const root = yield* findHostRoot(directory)
  const server = yield* startServer(root)
  const downloads = path.join(directory, "cores")
  yield* fs.makeDirectory(downloads)

  const { output, run } = yield* koredumpctl(server)
  yield* run(["list", "--limit", "20"])
  // Show the newest core dump with a journal entry. Without journalctl, show the newest file.
  const cores = yield* output(["list", "-o", "json"]).pipe(Effect.flatMap(decodeList))
  const selection = cores.some(({ state }) => state === "present") ? ["--state", "present"] : []
  if (selection.length === 0) {
    yield* Console.log("\nThe journal is not readable, so only the information in the core files is available.")
  }
  const core = ["-1", ...selection]
  yield* run(["info", ...core])
  yield* run(["get", ...core, "-d", "-C", downloads])
  yield* Console.log(`\nTo open this core in a debugger:\n\n  ${yield* findDebuggerCommand(root, downloads)}`)

  const once = process.argv.includes("--once")
  yield* Console.log(once ? afterwards(root, directory, quoted(core)) : whileRunning(server, directory, quoted(core)))
  return yield* once ? Effect.void : Effect.never
})

demo.pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    teardown: (exit, onExit) => Runtime.defaultTeardown(exit, (code) => onExit(Exit.hasInterrupts(exit) ? 0 : code))
  })
)
