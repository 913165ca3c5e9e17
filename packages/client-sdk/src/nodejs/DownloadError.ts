/** What can go wrong with the files of a download; what can go wrong with the core itself is a `Problem`. */
import { Schema } from "effect"

/** There is a file of that name, and it is not the one that would be written. It stays as it is. */
export class FileExists extends Schema.TaggedError<FileExists>()("FileExists", { path: Schema.String }) {
  override get message(): string {
    return `${this.path} exists and is another file; it is left as it is.`
  }
}

const sentences: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than allowed",
  EIO: "input/output error",
  EISDIR: "it is a directory",
  ELOOP: "it is a symbolic link",
  ENAMETOOLONG: "the name is too long",
  ENOENT: "the directory does not exist",
  ENOSPC: "no space left on the device",
  ENOTDIR: "part of the path is no directory",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only"
}

/** A file cannot be written, or read again. What was downloaded is kept in the `.part` file where there is one. */
export class FileFailed extends Schema.TaggedError<FileFailed>()("FileFailed", {
  path: Schema.String,
  /** The system's code: `ENOSPC`, `EACCES`. */
  code: Schema.String
}) {
  override get message(): string {
    return `Cannot write ${this.path}: ${sentences[this.code] ?? this.code}.`
  }
}

/** Errors of the files. */
export type DownloadError = FileExists | FileFailed
