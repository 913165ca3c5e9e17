/** Package and folder dependencies: as documented, one-way, without cycles. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { root } from "../test-support/packages.ts"

/**
 * The folders of each package's `src`, from low to high: a file imports only from its own folder and from lower ones.
 * `""` stands for the files directly in `src`, where folders may import them.
 */
const levels: Readonly<Record<string, ReadonlyArray<string>>> = {
  cli: ["text", "connection", "status", "cores", "commands"],
  "client-sdk": ["connection", "source", "client", "nodejs"],
  compression: [],
  core: ["common", "model", "pods", "source", "access", "cluster", "api", "testing"],
  kubernetes: ["api", "pods", "reviews"],
  "node-source": ["host", "journal", "pods", "cores"],
  server: ["settings", "http", "middleware", "admission", "auth", "handlers", "app", "commands"],
  transport: []
}

/** About what fits on one screen. */
const maxEntries = 16

interface Import {
  readonly from: string
  readonly to: string
}

const directories = readdirSync(join(root, "packages"))

const sources = (directory: string): ReadonlyArray<string> =>
  globSync("**/*.ts", { cwd: join(root, "packages", directory, "src") }).toSorted()

const importPattern = /(?:\bfrom|\bimport\(?)\s*"([^"]+)"/g

const specifiers = (directory: string, file: string): ReadonlyArray<string> =>
  Array.from(
    readFileSync(join(root, "packages", directory, "src", file), "utf8").matchAll(importPattern),
    ([, specifier]) => specifier!
  )

/** Imports between the files of one package, as paths below `src`. */
const localImports = (directory: string): ReadonlyArray<Import> =>
  sources(directory).flatMap((from) =>
    specifiers(directory, from).filter((specifier) => specifier.startsWith("."))
      .map((specifier) => ({ from, to: relative(".", join(dirname(from), specifier)) }))
  )

/** A package's folder is named as the package, except that of the client. */
const packageName = (directory: string): string => directory === "client-sdk" ? "client" : directory

const folder = (file: string): string => file.includes("/") ? file.slice(0, file.indexOf("/")) : ""

/** A cycle of imports as a path whose first and last file are the same; undefined if there is none. */
const findCycle = (imports: ReadonlyArray<Import>): ReadonlyArray<string> | undefined => {
  const targets = Map.groupBy(imports, ({ from }) => from)
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const { to } of targets.get(file) ?? []) {
      const cycle = visit(to, [...path, file])
      if (cycle !== undefined) return cycle
    }
    done.add(file)
    return undefined
  }
  for (const file of targets.keys()) {
    const cycle = visit(file, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** Imports from a folder into one that is not lower. Entry files (directly in `src`) may import everything. */
const upwardImports = (imports: ReadonlyArray<Import>, order: ReadonlyArray<string>): ReadonlyArray<string> =>
  imports.filter(({ from, to }) => {
    const source = folder(from)
    const target = folder(to)
    if (source === "" || source === target) return false
    return !order.includes(target) || order.indexOf(target) > order.indexOf(source)
  }).map(({ from, to }) => `${from} imports ${to}`)

describe("packages", () => {
  it("import one another exactly as the picture in docs/architecture.md shows", () => {
    const picture = /```mermaid\n([^]*?)```/.exec(readFileSync(join(root, "docs/architecture.md"), "utf8"))![1]!
    const drawn = Array.from(picture.matchAll(/^ *([\w-]+) --> ([\w-]+)$/gm), ([, from, to]) => `${from} --> ${to}`)
    const boxes = Array.from(picture.matchAll(/^ *([\w-]+)\["/gm), ([, name]) => name)
    const real = directories.flatMap((directory) => {
      const imported = sources(directory).flatMap((file) => specifiers(directory, file))
        .flatMap((specifier) => /^@koredump\/([\w-]+)/.exec(specifier)?.[1] ?? [])
      return [...new Set(imported)].map((target) => `${packageName(directory)} --> ${target}`)
    })
    assert.deepStrictEqual(drawn.toSorted(), real.toSorted())
    assert.deepStrictEqual(boxes.toSorted(), directories.map(packageName).toSorted())
  })
})

describe.each(directories)("the source of %s", (directory) => {
  const imports = localImports(directory)
  const order = levels[directory]

  it("has a documented order of folders", () => {
    const folders = [...new Set(sources(directory).map(folder))].filter((name) => name !== "")
    const ordered = order?.filter((name) => name !== "")
    assert.deepStrictEqual(folders.toSorted(), ordered?.toSorted())
    if (ordered === undefined || ordered.length < 2) return
    const row = `| ${directory} | ${ordered.map((name) => `\`${name}\``).join(" ")} |`
    assert.include(readFileSync(join(root, "docs/architecture.md"), "utf8"), row)
  })

  it("imports only from the same or lower folders", () => {
    assert.deepStrictEqual(upwardImports(imports, order ?? []), [])
  })

  it("has no import cycle", () => assert.isUndefined(findCycle(imports)))

  it("has no folder that is too long for one screen", () => {
    const entries = Map.groupBy(sources(directory), (file) => dirname(file))
    const counts = [...entries].map(([name, files]) => {
      const folders = new Set(
        [...entries.keys()].filter((other) => other !== name && dirname(other) === name)
      )
      return { name, entries: files.length + folders.size }
    })
    assert.deepStrictEqual(counts.filter(({ entries }) => entries > maxEntries), [])
  })
})

describe("the checks themselves", () => {
  it("find a cycle", () => {
    const imports = [{ from: "a.ts", to: "b.ts" }, { from: "b.ts", to: "c.ts" }, { from: "c.ts", to: "a.ts" }]
    assert.deepStrictEqual(findCycle(imports), ["a.ts", "b.ts", "c.ts", "a.ts"])
    assert.isUndefined(findCycle(imports.slice(0, 2)))
  })

  it("find an import from a lower into a higher folder, and into an entry file", () => {
    const imports = [
      { from: "low/a.ts", to: "high/b.ts" },
      { from: "high/b.ts", to: "low/a.ts" },
      { from: "low/a.ts", to: "index.ts" },
      { from: "index.ts", to: "high/b.ts" }
    ]
    assert.deepStrictEqual(upwardImports(imports, ["low", "high"]), [
      "low/a.ts imports high/b.ts",
      "low/a.ts imports index.ts"
    ])
  })
})
