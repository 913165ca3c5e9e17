import { assert, describe, expect, it } from "@effect/vitest"
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse, parseAllDocuments } from "yaml"
import { listRights, type Manifest } from "../test-support/chartRights.ts"
import { hasHelm, helm } from "../test-support/helm.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const chart = join(root, "charts/koredump")

/** The chart's version and appVersion, but not the beginning of the address 0.0.0.0. */
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
  // Golden files contain neither generated certificates nor the version, so a release does not change them.
  return stdout.replaceAll(version, "VERSION").replaceAll(
    /^( {2}(?:ca\.crt|tls\.crt|tls\.key): )\S{100,}$/gm,
    "$1GENERATED"
  )
}

/** Paths of the host that the node agent can write to. */
const writable = async (...args: ReadonlyArray<string>) => {
  const daemonSet = await rendered("--show-only", "templates/daemonset.yaml", ...args)
  return Array.from(daemonSet.matchAll(/mountPath: (\S+)\n\s+readOnly: false/g), ([, path]) => path)
}

/** Runs `use` with the arguments for a values file. --set cannot express all that a file can. */
const withValues = async <A>(values: string, use: (...args: ReadonlyArray<string>) => Promise<A>): Promise<A> => {
  const directory = await mkdtemp(join(tmpdir(), "koredump-chart-"))
  try {
    const file = join(directory, "values.yaml")
    await writeFile(file, values)
    return await use("--values", file)
  } finally {
    await rm(directory, { recursive: true })
  }
}
const images = async (...args: ReadonlyArray<string>) =>
  Array.from((await rendered(...args)).matchAll(/ image: (.*)$/gm), ([, image]) => image)

interface Section {
  readonly [name: string]: unknown
}

/** Who can connect to which port of which pods. */
const peers = async (...args: ReadonlyArray<string>) => {
  const policies = await rendered("--show-only", "templates/networkpolicy.yaml", ...args)
  return parseAllDocuments(policies).map((document) => {
    const { metadata, spec } = document.toJS() as { readonly metadata: Section; readonly spec: Section }
    const rules = spec["ingress"] as ReadonlyArray<
      { readonly ports: ReadonlyArray<Section>; readonly from?: unknown }
    >
    return [metadata["name"], Object.fromEntries(rules.map(({ from, ports }) => [ports[0]!["port"], from ?? "all"]))]
  })
}

const rightsOf = async (...args: ReadonlyArray<string>) =>
  listRights(parseAllDocuments(await rendered(...args)).map((document) => document.toJS() as Manifest))
const isSection = (value: unknown): value is Section =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** All values of the chart with their paths, such as `section.name`. Leaves out the content of free-form values. */
function* walk(section: Section, schema: Section, above = ""): Generator<readonly [path: string, value: unknown]> {
  for (const [name, value] of Object.entries(section)) {
    yield [above + name, value]
    const below = (schema["properties"] as Section)[name] as Section
    if (isSection(value) && below["additionalProperties"] === false) yield* walk(value, below, `${above}${name}.`)
  }
}
const read = (file: string) => parse(readFileSync(join(chart, file), "utf8")) as Section
const values = [...walk(read("values.yaml"), read("values.schema.json"))]
const isEmpty = (value: unknown) =>
  value === "" || (isSection(value) && Object.keys(value).length === 0) ||
  (Array.isArray(value) && value.length === 0)
/** Values with a default that can be null. */
const removable = [
  "autoscaling.targetCPUUtilizationPercentage",
  "route.annotations",
  "node.resources",
  "cluster.resources",
  ...["periodSeconds", "timeoutSeconds", "failureThreshold"].map((name) => `livenessProbe.${name}`)
]
const setNull = (paths: ReadonlyArray<string>) => set(...paths.map((path) => `${path}=null`))

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
  ["flaskDebug=true", /flaskDebug: true is not supported\. For debug logs, set logLevel: debug/],
  [
    "securityContext.daemonset.privileged=true",
    /privileged: true is not supported: the node agent needs no privileges\. Remove this value/
  ],
  ["serviceAccount.automount=false", /automount: false is not supported: the servers need a token/],
  [
    "tls.mode=none,tls.service=true",
    /tls\.service: true needs a certificate, and tls\.mode: none has none\. Set tls\.mode/
  ],
  ["autoscaling.enabled=true,autoscaling.minReplicas=9", /minReplicas is greater than autoscaling\.maxReplicas\. Set/],
  ["ports.service=8081", /ports\.service and ports\.ops are both 8081\. Set two different ports/],
  ["ports.daemonSet=8081", /ports\.daemonSet and ports\.ops are both 8081\. Set two different ports/],
  ["ports.ops=5000", /ports\.service and ports\.ops are both 5000\. Set two different ports/],
  ["livenessProbe.httpGet.path=/", /livenessProbe\.httpGet is not supported: the probes always request/],
  ["readinessProbe.exec.command={true}", /readinessProbe\.exec is not supported/],
  ["tls.extraNames={10.1.2.300}", /error parsing ip: 10\.1\.2\.300/],
  ["image.tag=true", /at '\/image\/tag': got boolean/],
  ["nodeSelector.zone=1", /at '\/nodeSelector\/zone': got number, want string/],
  ["replicaCuont=2", /additional properties 'replicaCuont' not allowed/],
  ["node.tolerations=1", /at '\/node': additional properties 'tolerations' not allowed/],
  ["tls.mode=letsencrypt", /at '\/tls\/mode': value must be one of 'none', 'generated', 'cert-manager', 'openshift'/],
  ["ports.daemonSet=70000", /at '\/ports\/daemonSet': maximum/],
  ["allowDelete=yes", /at '\/allowDelete': got string, want boolean/],
  ["installCli=auto", /at '\/installCli': got string, want boolean/]
]

describe.skipIf(!hasHelm)("the chart (needs helm: node charts/tools.mjs)", () => {
  it("passes lint", async () => {
    const { code, stdout } = await helm("lint", "--strict", chart)
    assert.strictEqual(code, 0, stdout)
  })

  it.each(Object.keys(renders))("renders the golden file %s", async (name) => {
    await expect(await rendered(...renders[name]!)).toMatchFileSnapshot(join(chart, `tests/golden/${name}.yaml`))
  })

  it.each(refusals)("rejects %s", async (value, sentence) => {
    const { code, stderr } = await render("--set", value)
    assert.notStrictEqual(code, 0)
    assert.match(stderr, sentence)
  })

  it.each(["20241124", "1.10", "1.0", "0123", "1e3"])(
    "rejects the unquoted tag %s in a values file",
    (tag) =>
      withValues(`image: { tag: ${tag} }`, async (...args) => {
        const { code, stderr } = await render(...args)
        assert.notStrictEqual(code, 0)
        assert.match(stderr, /image\.tag is a number.* Quote it/)
      })
  )

  it.each([[`"1.10"`, "1.10"], ["2024-11-24", "2024-11-24"], ["v1.10", "v1.10"], ["null", "VERSION"]])(
    "accepts the tag %s in a values file",
    (tag, expected) =>
      withValues(`image: { tag: ${tag} }`, async (...args) => {
        assert.deepStrictEqual(await images(...args), Array(3).fill(`koredump/koredump:${expected}`))
      })
  )

  it.each(["20241124", "1.10", "1.0", "0123", "0"])("accepts the tag %s with --set", async (tag) => {
    assert.deepStrictEqual(await images("--set", `image.tag=${tag}`), Array(3).fill(`koredump/koredump:${tag}`))
  })

  it.each(values.filter(([path, value]) => !isEmpty(value) && !removable.includes(path)))(
    "rejects null for %s",
    async (path) => {
      const [name, ...sections] = path.split(".").toReversed()
      const { code, stderr } = await render(...setNull([path]))
      assert.notStrictEqual(code, 0)
      assert.include(stderr, `at '${sections.toReversed().map((section) => `/${section}`).join("")}': missing property`)
      assert.include(stderr, `'${name}'`)
    }
  )

  it("accepts null for values that are empty by default or optional", async () => {
    const all = [...renders["ha"]!, ...openshift, ...set("tls.mode=cert-manager", "installCli=true")]
    const empty = values.filter(([, value]) => isEmpty(value)).map(([path]) => path)
    assert.strictEqual(await rendered(...all, ...setNull(empty)), await rendered(...all))
    for (const document of parseAllDocuments(await rendered(...all, ...setNull(removable)))) {
      assert.deepStrictEqual(document.errors, [])
    }
  })

  const extraNames = ["cores.example.com", "10.1.2.3", "fd00::a1"]

  it("generates koreapi's certificate for extra names and addresses", async () => {
    const args = ["--show-only", "templates/tls-generated.yaml", ...set(`tls.extraNames={${extraNames.join(",")}}`)]
    const { code, stderr, stdout } = await render(...args)
    assert.strictEqual(code, 0, stderr)
    const secrets = parseAllDocuments(stdout).map((document) =>
      document.toJS() as { readonly metadata: Section; readonly data: Readonly<Record<string, string>> }
    )
    const secret = secrets.find(({ metadata }) => metadata["name"] === "koredump-cluster-tls")!
    const certificate = new X509Certificate(Buffer.from(secret.data["tls.crt"]!, "base64"))
    for (const name of ["cores.example.com", "koreapi.koredump.svc", "localhost"]) {
      assert.strictEqual(certificate.checkHost(name), name)
    }
    for (const address of ["10.1.2.3", "fd00::a1"]) assert.strictEqual(certificate.checkIP(address), address)
    assert.notMatch(certificate.subjectAltName!, /DNS:(10\.|fd00)/)
    assert.isUndefined(certificate.checkIP("10.1.2.4"))
  })

  it("requests a certificate for extra names and addresses from cert-manager", async () => {
    const manifests = await rendered(
      "--show-only",
      "templates/tls-cert-manager.yaml",
      ...set("tls.mode=cert-manager", `tls.extraNames={${extraNames.join(",")}}`)
    )
    const specs = parseAllDocuments(manifests).map((document) => (document.toJS() as { readonly spec: Section }).spec)
    const findSpec = (secretName: string) => specs.find((spec) => spec["secretName"] === secretName)!
    assert.deepStrictEqual(findSpec("koredump-cluster-tls")["ipAddresses"], ["10.1.2.3", "fd00::a1"])
    assert.deepStrictEqual((findSpec("koredump-cluster-tls")["dnsNames"] as ReadonlyArray<string>).slice(0, 2), [
      "cores.example.com",
      "koreapi"
    ])
    assert.notProperty(findSpec("koredump-node-tls"), "ipAddresses")
  })

  it.each(["generated", "cert-manager", "openshift"])(
    "quotes names that consist of digits, with tls.mode %s",
    async (mode) => {
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
    }
  )

  it("sets the resources that a ResourceQuota requires on every container", async () => {
    const names: Array<string> = []
    for (const document of parseAllDocuments(await rendered(...set("installCli=true")))) {
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

  it("passes only flags that the servers know", async () => {
    const settings = await readFile(join(root, "packages/server/src/settings/flags.ts"), "utf8")
    const known = new Set(Array.from(settings.matchAll(/\(\s*"([a-z]+(?:-[a-z]+)*)"/g), ([, name]) => name))
    // Defined by a function, so the pattern does not match them.
    for (const name of ["listen", "ops-listen"]) known.add(name)
    const passed = new Set<string>()
    for (const args of Object.values(renders)) {
      for (const [, name] of (await rendered(...args)).matchAll(/^ +- "?--([a-z-]+)(?:=.*)?$/gm)) passed.add(name!)
    }
    assert.isAbove(passed.size, 12)
    assert.deepStrictEqual([...passed].filter((name) => !known.has(name)), [])
  })

  it("alerts only on metrics that the servers report", async () => {
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

  const cluster = {
    podSelector: {
      matchLabels: {
        "app.kubernetes.io/name": "koredump",
        "app.kubernetes.io/instance": "koredump",
        "koredump.service": "1"
      }
    }
  }
  const prometheus = {
    namespaceSelector: {},
    podSelector: { matchLabels: { "app.kubernetes.io/name": "prometheus" } }
  }
  const other = { namespaceSelector: { matchLabels: { team: "monitoring" } } }
  it.each([
    ["nobody to ops ports by default", [], {}],
    ["the Prometheus Operator, with a ServiceMonitor", ["serviceMonitor.enabled=true"], { ops: [prometheus] }],
    ["the peers in opsFrom", [
      "serviceMonitor.enabled=true",
      "networkPolicy.opsFrom[0].namespaceSelector.matchLabels.team=monitoring"
    ], { ops: [other] }]
  ])("lets in %s", async (_, values, ops) => {
    assert.deepStrictEqual(await peers(...set(...values)), [
      ["koredump-node", { api: [cluster], ...ops }],
      ["koredump-cluster", { api: "all", ...ops }]
    ])
  })

  it("lets only the peers in apiFrom connect to koreapi", async () => {
    const args = set("networkPolicy.apiFrom[0].namespaceSelector.matchLabels.team=monitoring")
    assert.deepStrictEqual((await peers(...args))[1], ["koredump-cluster", { api: [other] }])
  })

  it.each([[[], []], [openshift, []], [["--set", "installCli=true"], ["/usr/local/bin"]]])(
    "mounts the host's programs only if installCli is set (%s)",
    async (args, expected) => {
      const manifests = await rendered(...args)
      assert.deepStrictEqual(
        Array.from(manifests.matchAll(/^ +path: (\/usr\S*)$/gm), ([, path]) => path),
        expected
      )
      assert.strictEqual(manifests.includes("initContainers:"), expected.length > 0)
    }
  )

  it("has the rights, mounts and credentials in the table of docs/security.md, and no others", async () => {
    const page = await readFile(join(root, "docs/security.md"), "utf8")
    const rows = Array.from(
      page.matchAll(/^\| ((?:`(?:node|cluster|install-cli|test): [^|]+)+) \| (yes|no) \| (.+) \| (.+) \|$/gm),
      ([, rights, on, purpose, off]) => ({ rights: rights!.match(/[^`]+(?=`)/g)!, on, purpose: purpose!, off: off! })
    )
    const named = (some: typeof rows) => some.flatMap(({ rights }) => rights.filter((right) => right.includes(": ")))
    assert.sameMembers(named(rows.filter(({ on }) => on === "yes")), [...await rightsOf()])
    // The legacy values contain settings of the user.
    const { legacy: _, ...ours } = renders
    const all = await Promise.all(Object.values(ours).map((args) => rightsOf(...args)))
    assert.sameMembers(named(rows), [...new Set(all.flat())])
    for (const { off, purpose } of rows) {
      assert.isAbove(purpose.length, 10)
      assert.match(off, /`|^needed/)
    }
  })

  it("mounts only the state directory writable, unless allowDelete is set", async () => {
    assert.deepStrictEqual(await writable(), ["/var/lib/koredump"])
    assert.deepStrictEqual(await writable(...set("allowDelete=true")), [
      "/var/lib/systemd/coredump",
      "/var/lib/koredump"
    ])
  })
})
