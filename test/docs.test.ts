/** The docs list the flags, metrics, alerts and log lines of the sources, and their links work. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { filterFields } from "@koredump/core"
import { execFile } from "node:child_process"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")

/** All matches of the pattern's first group, sorted, without duplicates. */
const findAll = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  [...new Set(Array.from(text.matchAll(pattern), (match) => match[1]!))].toSorted()

const sources = globSync("packages/*/src/**/*.ts", { cwd: root }).map(read).join("\n")
const monitoring = read("docs/operations/monitoring.md")
const rule = read("charts/koredump/templates/prometheusrule.yaml")

/** The section of a page below a heading. */
const section = (page: string, heading: string): string => {
  const start = page.indexOf(`## ${heading}\n`)
  assert.notStrictEqual(start, -1, heading)
  const end = page.indexOf("\n## ", start)
  return page.slice(start, end === -1 ? undefined : end)
}

const withoutCode = (text: string) => text.replaceAll(/^ *```[^]*?^ *```/gm, "").replaceAll(/`[^`\n]*`/g, "")

/** The anchors that GitHub creates for headings. */
const anchors = (text: string) =>
  Array.from(
    text.replaceAll(/^ *```[^]*?^ *```/gm, "").matchAll(/^#+ (.*)$/gm),
    ([, heading]) => heading!.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")
  )

describe("flags", () => {
  let flags: ReadonlyArray<string>

  beforeAll(async () => {
    const helps = await Promise.all(["local", "node", "cluster"].map(async (mode) => {
      const main = join(root, "packages/server/src/main.ts")
      const { stdout } = await promisify(execFile)(process.execPath, [
        "--conditions=@koredump/source",
        main,
        mode,
        "--help"
      ])
      return stdout.slice(stdout.indexOf("\nFLAGS\n"), stdout.indexOf("\nGLOBAL FLAGS\n"))
    }))
    flags = findAll(helps.join("\n"), /^ {2}(--[a-z-]+)/gm)
  }, 60_000)

  it("in the help and in the settings table are the same", () => {
    assert.include(flags, "--coredump-dir")
    const settings = section(read("docs/operations.md"), "Settings")
    const rows = settings.split("\n").filter((line) => line.startsWith("| `--"))
    const named = rows.map((row) => row.split(" | ")[0]!).join("\n")
    assert.deepStrictEqual(findAll(named, /(--[a-z-]+)/g), flags)
  })
})

describe("filters", () => {
  const filters = Object.keys(filterFields)

  it("are named in the reference of the REST API", () => {
    const rows = read("docs/api.md").split("\n").filter((line) => line.startsWith("| `"))
    const named = findAll(rows.map((row) => row.split(" | ")[0]!).join("\n"), /`(\w+)`/g)
    assert.deepStrictEqual(filters.filter((name) => !named.includes(name)), [])
  })

  it("are named as flags in the reference of koredumpctl", () => {
    const rows = read("docs/koredumpctl.md").split("\n").filter((line) => line.startsWith("| `-"))
    const named = findAll(rows.map((row) => row.split(" | ")[0]!).join("\n"), /--([a-z-]+)/g)
    // Cores are named by arguments, so `id` is no flag.
    assert.deepStrictEqual(filters.filter((name) => name !== "id" && !named.includes(name)), [])
  })
})

describe("metrics", () => {
  const metrics = findAll(sources, /Metric\.\w+\(\s*"(\w+)"/g)

  it("in the sources and in the table are the same", () => {
    assert.include(metrics, "koredump_cores")
    assert.deepStrictEqual(findAll(section(monitoring, "Metrics"), /^\| `(koredump_\w+)` \|/gm), metrics)
  })

  it("have the alerts of the table", () => {
    assert.deepStrictEqual(findAll(monitoring, /^\| `(Koredump\w+)` \|/gm), findAll(rule, /alert: (\w+)/g))
  })
})

describe("log messages", () => {
  // The first argument of each call: a string literal, or something else.
  const calls = Array.from(
    sources.matchAll(/Effect\.log(?:Info|Warning|Error|Fatal)\(\s*(?:"([^"]+)"|([^\s,)]+))/g),
    ([, literal, other]) => ({ literal, other })
  )
  // `makeFailureLog` and `reload` log the messages that their callers pass.
  const passed = findAll(sources, /\b(?:failed|recovered|reloaded): "([A-Z][^"]+)"/g)
  const messages = [...new Set([...calls.flatMap(({ literal }) => literal ?? []), ...passed])].toSorted()

  it("are those of the log reference", () => {
    assert.include(messages, "Server listening")
    assert.deepStrictEqual(
      findAll(read("docs/operations/log.md"), /^\| `([^`]+)` \| (?:INFO|WARN|ERROR|FATAL)/gm),
      messages
    )
  })

  it("are string literals without variable parts", () => {
    const others = calls.flatMap(({ other }) => other ?? [])
    // The messages that the callers of `makeFailureLog` and `reload` pass.
    assert.deepStrictEqual(others.toSorted(), ["failed", "failed", "messages.reloaded", "recovered"])
  })
})

describe("values", () => {
  interface Schema {
    readonly properties?: Readonly<Record<string, Schema>>
    readonly type?: string | ReadonlyArray<string>
  }
  const schema = JSON.parse(read("charts/koredump/values.schema.json")) as Schema

  /** Whether the chart has a value of this path. */
  const isValue = (path: string): boolean => {
    let at: Schema | undefined = schema
    for (const key of path.split(".")) {
      if (at.properties === undefined) return true
      at = at.properties[key]
      if (at === undefined) return false
    }
    return true
  }

  it.each(["docs/cluster.md", "docs/security.md", ...globSync("docs/operations/*.md", { cwd: root })])("%s", (page) => {
    const text = read(page)
    const named = [
      ...findAll(text, /--set ([\w.]+)=/g),
      ...findAll(text, /`(\w+(?:\.\w+)+)(?:[:=] ?[^`\n]*)?`/g).filter((path) => isValue(path.split(".")[0]!))
    ]
    assert.deepStrictEqual(named.filter((path) => !isValue(path)), [])
  })
})

describe("links", () => {
  const pages = globSync(["*.md", "{docs,bench,e2e,examples,packages}/**/*.md"], {
    cwd: root,
    exclude: (path) => /(?:^|\/)(?:node_modules|dist)$/.test(path)
  })
  it.each(pages)("%s", (page) => {
    const broken = Array.from(withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path = "", anchor] = link.split("#")
        const target = path === "" ? page : relative(root, join(root, dirname(page), path))
        if (!existsSync(join(root, target))) return true
        return anchor !== undefined && !anchors(read(target)).includes(anchor)
      })
    assert.deepStrictEqual(broken, [])
  })

  it("are checked in all pages", () => assert.include(pages, "docs/operations.md"))

  it("lead from operations.md to all pages of operations", () => {
    const linked = findAll(read("docs/operations.md"), /\]\((operations\/[\w-]+\.md)\)/g)
    assert.deepStrictEqual(linked, globSync("operations/*.md", { cwd: join(root, "docs") }).toSorted())
  })
})
