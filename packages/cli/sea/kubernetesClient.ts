/**
 * In place of @kubernetes/client-node, which is larger than all else together: V8 reads it only where it is needed.
 */
import type * as Client from "@kubernetes/client-node"
import { bundleAsset } from "./assets.ts"
import { load } from "./load.ts"

export const { KubeConfig } = load(bundleAsset("kubernetes.js")).exports as typeof Client
