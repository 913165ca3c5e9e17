/** Errors of the files of a download. Errors of the core itself are problems. */
import { fileErrorText } from "@koredump/core"
import { Schema } from "effect"

/** There is another file at this path. It was not changed. */
export class FileExists extends Schema.TaggedError<FileExists>()("FileExists", { path: Schema.String }) {
  override get message(): string {
    return `Cannot write ${this.path}: another file exists there. It was not changed.`
  }
}

/** A file cannot be written or read. If there is a `.part` file, it keeps what was downloaded. */
export class FileFailed extends Schema.TaggedError<FileFailed>()("FileFailed", {
  path: Schema.String,
  /** Error code of the system: `ENOSPC`, `EACCES`. */
  code: Schema.String
}) {
  override get message(): string {
    return `Cannot write ${this.path}: ${fileErrorText(this.code)}.`
  }
}

/** Errors of the files of a download. */
export type DownloadError = FileExists | FileFailed
