/**
 * Run with: npm run demo            (npm run demo -- --once ends instead of serving on)
 *
 * Serves this host's cores on loopback, or where there are none those of the sample host beside this file, and shows
 * what koredumpctl makes of them. It needs no root, and changes nothing but a new temporary directory.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { CoreMetadata } from "@koredump/core"
import { Console, Deferred, Effect, Exit, FileSystem, Option, Path, Runtime, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"

const coredumpDirectory = "/var/lib/systemd/coredump"
const decodeMetadata = Schema.decodeEffect(Schema.fromJsonString(CoreMetadata))
const decodeList = Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Schema.Struct({ state: Schema.String }))))

class DemoFailed extends Schema.TaggedError<DemoFailed>()("DemoFailed", { message: Schema.String }) {}

// As a person would write it; `CommandLine.join` is right too, but hard to read where a core's name has backslashes.
const quoted = (words: ReadonlyArray<string>) =>
  words.map((word) => /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ")

const show = (words: ReadonlyArray<string>) => Console.log(`\n$ ${quoted(words)}`)

/** A program of this repository, as it was built. */
const program = Effect.fnUntraced(function*(name: "cli" | "server") {
  const path = yield* Path.Path
  return yield* path.fromFileUrl(new URL(`../packages/${name}/dist/main.js`, import.meta.url))
})

/** Whether this host keeps cores, all of which may be read. */
const hostHasCores = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const names = (yield* fs.readDirectory(coredumpDirectory)).filter((name) => name.startsWith("core."))
  yield* Effect.forEach(names, (name) => fs.access(`${coredumpDirectory}/${name}`, { readable: true }))
  return names.length > 0
}).pipe(Effect.orElseSucceed(() => false))

/** Where the host's files are: `/`, or the sample host, unpacked into `directory`. */
const hostRoot = Effect.fnUntraced(function*(directory: string) {
  if (yield* hostHasCores) {
    yield* Console.log(`These are the cores of this host (${coredumpDirectory}).`)
    return "/"
  }
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const path = yield* Path.Path
  const archive = yield* path.fromFileUrl(new URL("sample-host/sample-host.tar.gz", import.meta.url))
  const unpack = Effect.fnUntraced(function*(options: ReadonlyArray<string>) {
    const code = yield* spawner.exitCode(
      ChildProcess.make("tar", ["-xzf", archive, "-C", directory, ...options], { stderr: "ignore" })
    )
    if (code !== 0) return yield* new DemoFailed({ message: `tar could not unpack ${archive}` })
  })
  // Not every tar knows extended attributes, not every file system takes them: cores are found without.
  yield* unpack(["--xattrs", "--xattrs-include=user.*"]).pipe(Effect.catch(() => unpack([])))
  yield* Console.log(
    "This host keeps no cores that you may read: these are of the sample host in examples/sample-host."
  )
  return path.join(directory, "sample-host")
})

/** Starts the server on a free port of loopback and answers its URL; it ends with the scope. */
const startServer = Effect.fnUntraced(function*(root: string) {
  const options = ["local", "--listen", "127.0.0.1:0", ...(root === "/" ? [] : ["--root", root])]
  yield* show(["koredump-server", ...options])
  const server = yield* ChildProcess.make(process.execPath, [yield* program("server"), ...options], {
    stdin: "ignore",
    forceKillAfter: "5 seconds"
  })
  const address = yield* Deferred.make<string, DemoFailed>()
  yield* server.all.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    // The log has to be read to its end, or the server would wait for its reader.
    Stream.runForEach((line) => {
      const url = /http:\/\/[^\s"/]+/.exec(line)?.[0]
      return url === undefined ? Effect.void : Deferred.succeed(address, url)
    }),
    Effect.ensuring(Deferred.fail(address, new DemoFailed({ message: "koredump-server ended without an address" }))),
    Effect.forkScoped
  )
  const url = yield* Deferred.await(address)
  yield* Console.log(`Listening on ${url}: try ${url}/docs in a browser.`)
  return url
})

/** koredumpctl, which asks `server` and writes into `directory`. */
const koredumpctl = Effect.fnUntraced(function*(server: string, directory: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const main = yield* program("cli")
  const command = (words: ReadonlyArray<string>, stdout: "inherit" | "pipe") =>
    ChildProcess.make(process.execPath, [main, ...words], {
      cwd: directory,
      env: { KOREDUMP_SERVER: server },
      extendEnv: true,
      stdin: "ignore",
      stdout,
      stderr: "inherit"
    })
  yield* Console.log(`\n$ cd ${directory}\n$ export KOREDUMP_SERVER=${server}`)
  return {
    output: (words: ReadonlyArray<string>) => spawner.string(command(words, "pipe")),
    run: Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
      yield* show(["koredumpctl", ...words])
      const code = yield* spawner.exitCode(command(words, "inherit"))
      if (code !== 0) return yield* new DemoFailed({ message: `koredumpctl ${words[0]} ended with exit code ${code}` })
    })
  }
})

/** The debugger's command line for the core that was written into `directory`. */
const debuggerCommand = Effect.fnUntraced(function*(root: string, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* fs.readDirectory(directory)
  const about = names.find((name) => name.endsWith(".json"))
  if (about === undefined) return yield* new DemoFailed({ message: "koredumpctl wrote no metadata" })
  const core = path.join(directory, about.slice(0, -".json".length))
  const { COREDUMP_EXE } = yield* fs.readFileString(path.join(directory, about)).pipe(Effect.flatMap(decodeMetadata))
  const exe = Option.fromNullishOr(COREDUMP_EXE).pipe(Option.map((exe) => path.join(root, exe)))
  return { core, command: quoted(["gdb", ...Option.toArray(exe), core]) }
})

const demo = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectory({ prefix: "koredump-demo-" })
  const root = yield* hostRoot(directory)
  const server = yield* startServer(root)
  const fetched = path.join(directory, "cores")
  yield* fs.makeDirectory(fetched)

  const { output, run } = yield* koredumpctl(server, fetched)
  yield* run(["list", "--limit", "20"])
  // The newest of which the journal tells; where there is no journalctl, the newest file.
  const cores = yield* output(["list", "-o", "json"]).pipe(Effect.flatMap(decodeList))
  const which = cores.some(({ state }) => state === "present") ? ["--state", "present"] : []
  if (which.length === 0) yield* Console.log("\nNo journal can be read here: the files alone tell of the crashes.")
  yield* run(["info", "-1", ...which])
  yield* run(["get", "-1", "-d", ...which])

  const { command, core } = yield* debuggerCommand(root, fetched)
  yield* Console.log(`\nThe core lies in ${core}. Open it with\n\n  ${command}\n`)
  if (process.argv.includes("--once")) return
  yield* Console.log(`It goes on serving at ${server} until Ctrl-C.`)
  return yield* Effect.never
})

demo.pipe(
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    teardown: (exit, onExit) => Runtime.defaultTeardown(exit, (code) => onExit(Exit.hasInterrupts(exit) ? 0 : code))
  })
)
