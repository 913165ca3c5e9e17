/** The native addon that reads extended attributes. The one-file koredumpctl has a module of its own in its place. */
import { createRequire } from "node:module"

/** What is used of the addon. */
export interface XattrBinding {
  readonly listAttributesSync: (path: string) => ReadonlyArray<string>
  readonly getAttributeSync: (path: string, name: string) => Uint8Array | null
}

/** Loads it, or throws where there is none for this C library and architecture. */
export const loadXattrBinding = (): XattrBinding => createRequire(import.meta.url)("@napi-rs/xattr") as XattrBinding
