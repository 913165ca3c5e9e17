import { Schema } from "effect"

/** The connector cannot start: a file that it needs cannot be read or is invalid. The message names the file. */
export class HttpNodeConnectorError extends Schema.TaggedError<HttpNodeConnectorError>()("HttpNodeConnectorError", {
  message: Schema.String
}) {}
