/**
 * Replaces @kubernetes/client-node, which is larger than everything else together. V8 loads it only when it is needed.
 */
import type * as Client from "@kubernetes/client-node"
import { bundleAsset } from "./assets.ts"
import { load } from "./load.ts"

export const { KubeConfig } = load(bundleAsset("kubernetes.js")).exports as typeof Client
