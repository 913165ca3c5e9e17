/** Users, their permissions, and valid and invalid tokens. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { signingKey } from "./Cluster.ts"
import { apply, type KubeObject, requestToken } from "./Kube.ts"

/** The namespace of the service accounts that represent users. */
export const people = "koredump-e2e-people"

/** A rule for koredump's API group. */
export interface Rule {
  readonly verbs: ReadonlyArray<string>
  readonly resources: ReadonlyArray<"coredumps" | "coredumps/content" | "nodecoredumps" | "nodecoredumps/content">
  /** Default: all namespaces. */
  readonly namespace?: string
}

const rbac = "rbac.authorization.k8s.io/v1"

/** A role for each rule, and its binding to a service account. */
export const grant = (
  { name, namespace }: { readonly name: string; readonly namespace: string },
  rules: ReadonlyArray<
    Omit<Rule, "resources"> & { readonly resources: ReadonlyArray<string>; readonly apiGroups?: ReadonlyArray<string> }
  >
): ReadonlyArray<KubeObject> =>
  rules.flatMap((rule, i) => {
    const scope = rule.namespace === undefined ? "Cluster" : ""
    const metadata = {
      name: `${namespace}-${name}-${i}`,
      ...(rule.namespace === undefined ? {} : { namespace: rule.namespace })
    }
    const { apiGroups = ["koredump.dev"], resources, verbs } = rule
    return [
      { apiVersion: rbac, kind: `${scope}Role`, metadata, rules: [{ apiGroups, resources, verbs }] },
      {
        apiVersion: rbac,
        kind: `${scope}RoleBinding`,
        metadata,
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: `${scope}Role`, name: metadata.name },
        subjects: [{ kind: "ServiceAccount", name, namespace }]
      }
    ]
  })

/** All operations on cores of pods, in one namespace or all. */
export const everything = (namespace?: string): Rule => ({
  verbs: ["list", "watch", "get", "delete"],
  resources: ["coredumps", "coredumps/content"],
  ...(namespace === undefined ? {} : { namespace })
})

/** All operations on cores of other processes on the nodes. */
export const everythingOnNodes: Rule = {
  verbs: ["list", "watch", "get", "delete"],
  resources: ["nodecoredumps", "nodecoredumps/content"]
}

export const namespace = (name: string): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })

export const serviceAccount = (namespace: string, name: string): KubeObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { namespace, name }
})

/** Creates a user with these permissions and returns a token. */
export const makeUser = async (
  name: string,
  rules: ReadonlyArray<Rule>,
  audience: string | undefined = "koredump"
): Promise<string> => {
  const namespaces = new Set([people, ...rules.flatMap((rule) => rule.namespace ?? [])])
  await apply(
    ...Array.from(namespaces, namespace),
    serviceAccount(people, name),
    ...grant({ name, namespace: people }, rules)
  )
  return requestToken(people, name, audience)
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

interface Claims {
  readonly sub: string
  readonly exp: number
  readonly iat: number
  readonly nbf: number
  readonly [claim: string]: unknown
}

const readClaims = (token: string): Claims =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as Claims

const signed = (token: string, claims: Claims, key: KeyObject): string => {
  const content = `${token.split(".")[0]}.${encode(claims)}`
  return `${content}.${sign("sha256", Buffer.from(content), key).toString("base64url")}`
}

/** A token with changed claims, signed with the key of the cluster. */
export const resigned = async (token: string, change: (claims: Claims) => Partial<Claims>): Promise<string> => {
  const claims = readClaims(token)
  return signed(token, { ...claims, ...change(claims) }, createPrivateKey(await signingKey()))
}

/** The token, signed with the key of another cluster. */
export const foreign = (token: string): string =>
  signed(token, readClaims(token), generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)
