/** GitHub's workflows cannot run here. These tests check what they use of the repository, and who holds which token. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { parse } from "yaml"
import { root } from "../../test-support/packages.ts"

interface Step {
  readonly run?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}
interface Job {
  readonly permissions?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly uses?: string
  readonly steps?: ReadonlyArray<Step>
  readonly strategy?: { readonly matrix: { readonly part: ReadonlyArray<string> } }
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, Job>>
}

const read = (file: string) => readFile(join(root, file), "utf8")
const workflows = readdirSync(join(root, ".github/workflows")).map((name) =>
  [name, parse(readFileSync(join(root, ".github/workflows", name), "utf8")) as Workflow] as const
)
const canWrite = (job: Job) => Object.values(job.permissions ?? {}).includes("write")
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

  describe.each(workflows)("%s", (file, { env, jobs, permissions }) => {
    const all = Object.entries(jobs).map(([name, job]) => ({ name, job, steps: job.steps ?? [] }))

    it("gives each job only the permissions that it names", () => {
      assert.deepStrictEqual(permissions, {})
      for (const { job, name } of all) assert.isDefined(job.permissions, name)
    })

    it("runs no code of packages in a job with a token that can write", () => {
      for (const { job, name, steps } of all.filter(({ job }) => canWrite(job))) {
        assert.notMatch(
          getCommands(job),
          /npm (?:ci|i|install|add|run|exec|x|start|test|pack)\b|npx|(?:^|\s)node\b|\.ci\/|scripts\/|docker (?:build|run)|helm (?:package|template)/,
          name
        )
        for (const [command] of getCommands(job).matchAll(/npm publish.*/g)) assert.include(command, "--ignore-scripts")
        assert.deepStrictEqual(steps.filter(({ uses }) => uses?.startsWith("docker/build-push-action")), [], name)
      }
    })

    it("installs packages without their scripts, except to test them", () => {
      if (file === "ci.yml") return
      for (const [command] of all.map(({ job }) => getCommands(job)).join("\n").matchAll(/npm (?:ci|i|install)\b.*/g)) {
        assert.include(command, "--ignore-scripts")
      }
    })

    it("leaves no credentials behind after a checkout", () => {
      for (const { name, steps } of all) {
        for (const step of steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"))) {
          assert.strictEqual(step.with?.["persist-credentials"], false, name)
        }
      }
    })

    it("gives tokens only to the steps that need them", () => {
      const secret = /secrets\.|github\.token|GITHUB_TOKEN/
      assert.notMatch(JSON.stringify(env ?? {}), secret)
      for (const { job, name, steps } of all) {
        assert.notMatch(JSON.stringify(job.env ?? {}), secret, name)
        assert.notMatch(getCommands(job), secret, name)
        const users = steps.filter((step) => secret.test(JSON.stringify([step.env ?? {}, step.with ?? {}])))
        if (!canWrite(job)) assert.deepStrictEqual(users, [], name)
        for (const { run, uses } of users) {
          assert.isTrue(
            uses?.startsWith("docker/login-action@") || /npm publish|gh (?:release|pr) /.test(run ?? ""),
            name
          )
        }
      }
    })

    it("pins every action to a commit and names its version", async () => {
      const lines = (await read(`.github/workflows/${file}`)).split("\n").filter((line) => /\buses:/.test(line))
      const unpinned = lines.filter((line) => !/uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))
      assert.deepStrictEqual(unpinned.filter((line) => !line.includes("uses: ./")), [])
    })
  })

  it("put the registry before the chart's image", async () => {
    const replaced = /sed -i "s\|(.+?)\|/.exec(await read(".github/workflows/release.yml"))?.[1]
    assert.match(await read("charts/koredump/values.yaml"), new RegExp(replaced!, "m"))
  })
})
