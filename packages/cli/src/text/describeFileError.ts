import { errorCode, fileErrorText } from "@koredump/core"
import type { PlatformError } from "effect"

/** The reason why a file operation or a program failed: `permission denied`. */
export const describeFileError = (error: PlatformError.PlatformError): string =>
  fileErrorText(errorCode(error) ?? error.reason._tag)
