import { assert, describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"
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

/** `tag` as it stands in a values file. */
const withTag = async <A>(tag: string, use: (...args: ReadonlyArray<string>) => Promise<A>): Promise<A> => {
  const directory = await mkdtemp(join(tmpdir(), "koredump-chart-"))
  try {
    const file = join(directory, "values.yaml")
    await writeFile(file, `image: { tag: ${tag} }\n`)
    return await use("--values", file)
  } finally {
    await rm(directory, { recursive: true })
  }
}
const images = async (...args: ReadonlyArray<string>) =>
  Array.from((await rendered(...args)).matchAll(/ image: (.*)$/gm), ([, image]) => image)

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
  ["ports.service=8081", /ports\.service is refused: it is 8081, and so is ports\.ops/],
  ["ports.daemonSet=8081", /ports\.daemonSet is refused: it is 8081, and so is ports\.ops/],
  ["ports.ops=5000", /ports\.service is refused: it is 5000, and so is ports\.ops/],
  ["livenessProbe.httpGet.path=/", /livenessProbe\.httpGet is refused: what is asked is the servers' own/],
  ["readinessProbe.exec.command={true}", /readinessProbe\.exec is refused/],
  ["image.tag=true", /at '\/image\/tag': got boolean/],
  ["nodeSelector.zone=1", /at '\/nodeSelector\/zone': got number, want string/],
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

  it.each(["20241124", "1.10", "1.0", "0123", "1e3"])(
    "refuses the tag %s of a values file",
    (tag) =>
      withTag(tag, async (...args) => {
        const { code, stderr } = await render(...args)
        assert.notStrictEqual(code, 0)
        assert.match(stderr, /image\.tag is refused: it is a number.* Quote it/)
      })
  )

  it.each([[`"1.10"`, "1.10"], ["2024-11-24", "2024-11-24"], ["v1.10", "v1.10"], ["null", "VERSION"]])(
    "takes the tag %s of a values file",
    (tag, taken) =>
      withTag(tag, async (...args) => {
        assert.deepStrictEqual(await images(...args), Array(3).fill(`koredump/koredump:${taken}`))
      })
  )

  it.each(["20241124", "1.10", "1.0", "0123", "0"])("takes the tag %s by --set", async (tag) => {
    assert.deepStrictEqual(await images("--set", `image.tag=${tag}`), Array(3).fill(`koredump/koredump:${tag}`))
  })

  it.each(["generated", "cert-manager", "openshift"])("keeps names of digits names, with tls.mode %s", async (mode) => {
    const args = ["--values", join(chart, "tests/digits-values.yaml"), "--set", `tls.mode=${mode}`, ...openshift]
    const { code, stderr, stdout } = await helm("template", "4711", chart, "--namespace", "4711", ...args)
    assert.strictEqual(code, 0, stderr)
    const numbers = new Set<string>()
    for (const document of parseAllDocuments(stdout)) {
      JSON.stringify(document.toJS(), (key, value: unknown) => {
        if (value === 4711) numbers.add(key)
        return value
      })
    }
    assert.deepStrictEqual([...numbers], [])
  })

  it("gives each container resources, as a ResourceQuota demands", async () => {
    const names: Array<string> = []
    for (const document of parseAllDocuments(await rendered(...openshift))) {
      JSON.stringify(document.toJS(), (key, value: unknown) => {
        if (key !== "containers" && key !== "initContainers") return value
        for (const { name, resources } of value as ReadonlyArray<Record<string, Record<string, object>>>) {
          names.push(String(name))
          assert.containsAllKeys(resources!["requests"], ["cpu", "memory"])
          assert.containsAllKeys(resources!["limits"], ["memory"])
        }
        return value
      })
    }
    assert.sameMembers(names, ["install-cli", "node", "cluster", "test"])
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
