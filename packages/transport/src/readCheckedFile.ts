import { errorCode, fileErrorText } from "@koredump/core"
import { Effect, Schema } from "effect"
import { readFile } from "node:fs/promises"

/** A file cannot be used. The message is the reason alone, without the file's name. */
class FileNotUsable extends Schema.TaggedError<FileNotUsable>()("FileNotUsable", { message: Schema.String }) {}

/** Reads a text file. `invalid` is the reason if the file does not pass the check. */
export const readCheckedFile = (
  path: string,
  isValid: (text: string) => boolean,
  invalid: string
): Effect.Effect<string, FileNotUsable> =>
  Effect.tryPromise({
    try: () => readFile(path, "latin1"),
    catch: (error) =>
      new FileNotUsable({ message: `cannot be read: ${fileErrorText(errorCode(error) ?? "unknown error")}` })
  }).pipe(
    Effect.map((text) => text.trim()),
    Effect.filterOrFail(isValid, () => new FileNotUsable({ message: invalid }))
  )
