/** Pods of the Kubernetes API, with many fields that koredump does not use. */

/** A container ID from one digit. */
export const id = (digit: string): string => digit.repeat(64)

const status = (name: string, runtimeId: string, more: object = {}) => ({
  name,
  ready: true,
  restartCount: 0,
  started: true,
  image: `registry.example/shop/${name}:1.2.0`,
  imageID: `registry.example/shop/${name}@sha256:${"9".repeat(64)}`,
  containerID: `containerd://${runtimeId}`,
  state: { running: { startedAt: "2026-11-25T10:00:00Z" } },
  lastState: {},
  volumeMounts: [],
  resources: {},
  user: { linux: { uid: 1000, gid: 1000, supplementalGroups: [1000] } },
  ...more
})

const terminated = (runtimeId: string) => ({
  terminated: {
    exitCode: 139,
    reason: "Error",
    signal: 11,
    startedAt: "2026-11-25T10:00:00Z",
    finishedAt: "2026-11-25T10:01:00Z",
    containerID: `containerd://${runtimeId}`
  }
})

/** A pod of a Deployment: a completed init container, a container that crashed, a sidecar, an ephemeral container. */
export const web = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "web-6d4b75cb6d-hk5vq",
    generateName: "web-6d4b75cb6d-",
    namespace: "shop",
    uid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf",
    resourceVersion: "4711",
    creationTimestamp: "2026-11-25T09:59:50Z",
    labels: { "app": "web", "pod-template-hash": "6d4b75cb6d" },
    annotations: { "kubectl.kubernetes.io/restartedAt": "2026-11-24T08:00:00Z" },
    ownerReferences: [{
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      name: "web-6d4b75cb6d",
      uid: "0d1f1e0c-4b1c-4d5e-8f7a-2a1f0e9d8c7b",
      controller: true,
      blockOwnerDeletion: true
    }],
    managedFields: [{ manager: "kubelet", operation: "Update", apiVersion: "v1", fieldsV1: { "f:status": {} } }]
  },
  spec: {
    nodeName: "node-1",
    serviceAccountName: "default",
    restartPolicy: "Always",
    initContainers: [{ name: "migrate", image: "registry.example/shop/migrate:7", resources: {} }],
    containers: [
      { name: "web", image: "registry.example/shop/web:1.2.0", env: [{ name: "SECRET", value: "s3cr3t" }] },
      { name: "proxy", image: "proxy" }
    ],
    ephemeralContainers: [{ name: "debugger-x7k2p", image: "busybox:1.36", targetContainerName: "web" }]
  },
  status: {
    phase: "Running",
    podIP: "10.244.1.7",
    podIPs: [{ ip: "10.244.1.7" }],
    hostIP: "192.0.2.11",
    qosClass: "Burstable",
    conditions: [
      { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: "2026-11-25T09:59:50Z" },
      { type: "Ready", status: "True", lastProbeTime: null, lastTransitionTime: "2026-11-25T10:01:10Z" }
    ],
    initContainerStatuses: [status("migrate", id("1"), { state: terminated(id("1")) })],
    containerStatuses: [
      status("web", id("3"), { restartCount: 1, lastState: terminated(id("2")) }),
      status("proxy", id("4"), { image: `sha256:${"8".repeat(64)}` })
    ],
    ephemeralContainerStatuses: [status("debugger-x7k2p", id("5"), { containerID: `cri-o://${id("5")}` })]
  }
}

/** The mirror of a static pod: its cgroups contain the hash of its file, the Kubernetes API has another UID. */
export const staticPod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "etcd-node-1",
    namespace: "kube-system",
    uid: "30cea2cf-1b80-4807-abad-d81453e199c5",
    resourceVersion: "12",
    creationTimestamp: "2026-11-25T09:00:00Z",
    labels: { component: "etcd", tier: "control-plane" },
    annotations: {
      "kubernetes.io/config.hash": "7260904bbd08e72e4dff95d9fccd2ee8",
      "kubernetes.io/config.mirror": "7260904bbd08e72e4dff95d9fccd2ee8",
      "kubernetes.io/config.seen": "2026-11-25T09:00:00.000000000Z",
      "kubernetes.io/config.source": "file"
    },
    ownerReferences: [{
      apiVersion: "v1",
      kind: "Node",
      name: "node-1",
      uid: "5c9d2b7e-0000-4000-8000-000000000001",
      controller: true
    }]
  },
  spec: {
    nodeName: "node-1",
    hostNetwork: true,
    containers: [{ name: "etcd", image: "registry.k8s.io/etcd:3.6.4-0" }]
  },
  status: {
    phase: "Running",
    podIP: "192.0.2.11",
    containerStatuses: [
      status("etcd", id("e"), { image: "registry.k8s.io/etcd:3.6.4-0", imageID: `sha256:${"7".repeat(64)}` })
    ]
  }
}

/** A scheduled pod without started containers. */
export const pending = {
  metadata: {
    name: "report-29401-zx9cv",
    namespace: "shop",
    uid: "6bd2a4d3-0000-4000-8000-000000000002",
    creationTimestamp: "2026-11-25T10:05:00Z",
    labels: { "batch.kubernetes.io/job-name": "report-29401" },
    ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "report-29401", uid: "x", controller: true }]
  },
  spec: { nodeName: "node-1", containers: [{ name: "report", image: "report:5" }] },
  status: { phase: "Pending", conditions: [{ type: "PodScheduled", status: "True" }] }
}
