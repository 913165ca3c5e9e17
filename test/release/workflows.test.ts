/** GitHub's workflows cannot run here. These tests check what they use of the repository, and who holds which token. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { parse } from "yaml"
import { root } from "../../test-support/packages.ts"

interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps?: ReadonlyArray<{ readonly run?: string; readonly uses?: string }>
  readonly strategy?: { readonly matrix: { readonly part: ReadonlyArray<string> } }
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const read = (file: string) => readFile(join(root, file), "utf8")
const workflows = readdirSync(join(root, ".github/workflows")).map((name) =>
  [name, parse(readFileSync(join(root, ".github/workflows", name), "utf8")) as Workflow] as const
)
const getCommands = (job: Job) => (job.steps ?? []).map(({ run = "" }) => run).join("\n")

describe("workflows", () => {
  it("run scripts that exist", async () => {
    const used = workflows.flatMap(([, { jobs }]) =>
      Object.values(jobs).flatMap((job) =>
        Array.from(getCommands(job).matchAll(/npm run ([\w:-]+)/g), ([, name]) => name!)
      )
    )
    const { scripts } = JSON.parse(await read("package.json")) as { readonly scripts: Readonly<Record<string, string>> }
    assert.deepStrictEqual([...new Set(used)].toSorted(), ["build:cli-binary", "release:check", "version"])
    assert.deepStrictEqual(used.filter((name) => !(name in scripts)), [])
  })

  it("run every part of .ci/run, those of `test` one by one", async () => {
    const ci = workflows.find(([name]) => name === "ci.yml")![1]
    const run = Object.values(ci.jobs).flatMap((job) => {
      const part = /^\.ci\/run (.+)$/m.exec(getCommands(job))?.[1]
      return part === "${{ matrix.part }}" ? job.strategy!.matrix.part : part ?? []
    })
    const known = /^known=\((.*)\)$/m.exec(await read(".ci/run"))![1]!.split(" ")
    assert.deepStrictEqual(run.toSorted(), known.filter((part) => part !== "test").toSorted())
  })

  it.each(workflows)("%s installs no packages in a job with a token that can write", (_, { jobs, permissions }) => {
    assert.deepStrictEqual(permissions, { contents: "read" })
    for (const [name, job] of Object.entries(jobs)) {
      if (!Object.values(job.permissions ?? {}).includes("write")) continue
      assert.notMatch(getCommands(job), /npm (?:ci|i|install|run|exec)\b|npx|\.ci\/run|docker build/, name)
      const actions = (job.steps ?? []).flatMap(({ uses }) => uses ?? [])
      assert.deepStrictEqual(actions.filter((action) => action.startsWith("docker/build-push-action")), [], name)
    }
  })

  it("put the registry before the chart's image", async () => {
    const replaced = /sed -i "s\|(.+?)\|/.exec(await read(".github/workflows/release.yml"))?.[1]
    assert.match(await read("charts/koredump/values.yaml"), new RegExp(replaced!, "m"))
  })
})
