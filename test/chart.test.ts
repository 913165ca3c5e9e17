import { assert, describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { hasHelm, helm } from "../test-support/helm.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const chart = join(root, "charts/koredump")

/** The chart's version, and its appVersion; not the start of 0.0.0.0, an address. */
const version = new RegExp(
  `(?<![\\d.])${
    /^version: (.*)$/m.exec(readFileSync(join(chart, "Chart.yaml"), "utf8"))![1]!.replaceAll(".", "\\.")
  }(?![\\d.])`,
  "g"
)

const set = (...values: ReadonlyArray<string>) => values.flatMap((value) => ["--set", value])
const openshift = ["route.openshift.io/v1", "security.openshift.io/v1"].flatMap((api) => ["--api-versions", api])

const render = (...args: ReadonlyArray<string>) =>
  helm("template", "koredump", chart, "--namespace", "koredump", "--kube-version", "1.34.0", ...args)

const rendered = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await render(...args)
  assert.strictEqual(code, 0, stderr)
  // Certificates that Helm generates are new each time, and a release changes no render.
  return stdout.replaceAll(version, "VERSION").replaceAll(
    /^( {2}(?:ca\.crt|tls\.crt|tls\.key): )\S{100,}$/gm,
    "$1GENERATED"
  )
}

/** Paths of the host that the node server may write to. */
const writable = async (...args: ReadonlyArray<string>) => {
  const daemonSet = await rendered("--show-only", "templates/daemonset.yaml", ...args)
  return Array.from(daemonSet.matchAll(/mountPath: (\S+)\n\s+readOnly: false/g), ([, path]) => path)
}

const renders: Readonly<Record<string, ReadonlyArray<string>>> = {
  default: [],
  openshift,
  "tls-none": set("tls.mode=none"),
  "tls-generated": set("tls.mode=generated", "tls.service=true", "tls.extraNames={koredump.example}"),
  "tls-cert-manager": set("tls.mode=cert-manager"),
  "tls-cert-manager-issuer": set(
    "tls.mode=cert-manager",
    "tls.certManager.issuerRef.name=company",
    "tls.certManager.issuerRef.kind=ClusterIssuer"
  ),
  "tls-openshift": [...openshift, ...set("tls.mode=openshift")],
  filter: set("filter.namespaceRegex=team-(a|b)", "runOnControlPlaneNodes=true"),
  delete: set("allowDelete=true", "userRoles.aggregate=true"),
  "no-rbac": [
    ...openshift,
    ...set("rbac.create=false", "userRoles.create=false", "serviceAccount.create=false", "serviceAccount.name=ours")
  ],
  ha: set(
    "autoscaling.enabled=true",
    "autoscaling.targetMemoryUtilizationPercentage=80",
    "ingress.enabled=true",
    "httpRoute.enabled=true",
    "serviceMonitor.enabled=true",
    "prometheusRule.enabled=true"
  ),
  "exact-mounts": set("node.hostMounts=exact", "node.dacReadSearch=true", "installCli=true"),
  legacy: ["--values", join(chart, "tests/legacy-values.yaml")]
}

const refusals: ReadonlyArray<readonly [value: string, sentence: RegExp]> = [
  ["flaskDebug=true", /flaskDebug: true is refused: there is no Flask any more/],
  ["securityContext.daemonset.privileged=true", /privileged: true is refused: root without any capability/],
  ["serviceAccount.automount=false", /automount: false is refused: both servers ask Kubernetes/],
  ["tls.mode=none,tls.service=true", /tls\.service: true is refused with tls\.mode: none/],
  ["autoscaling.enabled=true,autoscaling.minReplicas=9", /minReplicas is refused: it is more than/],
  ["replicaCuont=2", /additional properties 'replicaCuont' not allowed/],
  ["node.tolerations=1", /at '\/node': additional properties 'tolerations' not allowed/],
  ["tls.mode=letsencrypt", /at '\/tls\/mode': value must be one of 'none', 'generated', 'cert-manager', 'openshift'/],
  ["ports.daemonSet=70000", /at '\/ports\/daemonSet': maximum/],
  ["allowDelete=yes", /at '\/allowDelete': got string, want boolean/]
]

describe.skipIf(!hasHelm)("the chart (needs helm: node charts/tools.mjs)", () => {
  it("passes lint", async () => {
    const { code, stdout } = await helm("lint", "--strict", chart)
    assert.strictEqual(code, 0, stdout)
  })

  it.each(Object.keys(renders))("renders as before: %s", async (name) => {
    await expect(await rendered(...renders[name]!)).toMatchFileSnapshot(join(chart, `tests/golden/${name}.yaml`))
  })

  it.each(refusals)("refuses %s", async (value, sentence) => {
    const { code, stderr } = await render("--set", value)
    assert.notStrictEqual(code, 0)
    assert.match(stderr, sentence)
  })

  it("gives the servers flags that they have", async () => {
    const settings = await readFile(join(root, "packages/server/src/settings.ts"), "utf8")
    const known = new Set(Array.from(settings.matchAll(/\(\s*"([a-z]+(?:-[a-z]+)*)"/g), ([, name]) => name))
    // Of a function, not a string of its own.
    for (const name of ["listen", "ops-listen"]) known.add(name)
    const given = new Set<string>()
    for (const args of Object.values(renders)) {
      for (const [, name] of (await rendered(...args)).matchAll(/^ +- "?--([a-z-]+)(?:=.*)?$/gm)) given.add(name!)
    }
    assert.isAbove(given.size, 12)
    assert.deepStrictEqual([...given].filter((name) => !known.has(name)), [])
  })

  it("alerts on metrics that there are", async () => {
    const packages = await readdir(join(root, "packages"), { recursive: true })
    const sources = await Promise.all(
      packages.filter((path) => /^[^/]+\/src\/.*\.ts$/.test(path)).map((path) =>
        readFile(join(root, "packages", path), "utf8")
      )
    )
    const rules = await rendered("--set", "prometheusRule.enabled=true", "--show-only", "templates/prometheusrule.yaml")
    const metrics = new Set(Array.from(rules.matchAll(/koredump_\w+/g), ([name]) => name))
    assert.isAbove(metrics.size, 5)
    assert.deepStrictEqual(
      [...metrics].filter((name) => !sources.some((source) => source.includes(`"${name}"`))),
      []
    )
  })

  it("writes on a node to the state directory alone, unless cores may be deleted", async () => {
    assert.deepStrictEqual(await writable(), ["/var/lib/koredump"])
    assert.deepStrictEqual(await writable(...set("allowDelete=true")), [
      "/var/lib/systemd/coredump",
      "/var/lib/koredump"
    ])
  })
})
