/** Reads the assets of the single executable file. */
import { getRawAsset } from "node:sea"

/** The bytes of an asset. */
export const asset = (name: "kubernetes.js" | "program.cache" | "program.js" | "xattr.node"): Buffer<ArrayBuffer> =>
  Buffer.from(getRawAsset(name) as ArrayBuffer)

/** The text of a bundle. It is ASCII, which V8 stores with one byte per character. */
export const bundleAsset = (name: "kubernetes.js" | "program.js"): string => asset(name).toString("latin1")
