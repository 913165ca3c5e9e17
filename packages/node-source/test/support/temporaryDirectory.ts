/** A directory that is removed with its scope. */
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "koredump-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
