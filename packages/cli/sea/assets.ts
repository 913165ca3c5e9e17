/** What the one file holds beside its start. */
import { getRawAsset } from "node:sea"

export const asset = (name: "kubernetes.js" | "program.cache" | "program.js" | "xattr.node"): Buffer<ArrayBuffer> =>
  Buffer.from(getRawAsset(name) as ArrayBuffer)

/** A bundle: ASCII, which V8 keeps as it is. */
export const bundleAsset = (name: "kubernetes.js" | "program.js"): string => asset(name).toString("latin1")
