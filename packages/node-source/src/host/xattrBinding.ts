/** Loads the native addon that reads extended attributes. The one-file koredumpctl replaces this module with its own. */
import { createRequire } from "node:module"

/** The functions of the addon that koredump uses. */
export interface XattrBinding {
  readonly listAttributesSync: (path: string) => ReadonlyArray<string>
  readonly getAttributeSync: (path: string, name: string) => Uint8Array | null
}

/** Throws if there is no addon for this C library and architecture. */
export const loadXattrBinding = (): XattrBinding => createRequire(import.meta.url)("@napi-rs/xattr") as XattrBinding
