/**
 * All failures of a request, as RFC 9457 problems. The same classes are the errors of the services and the response bodies
 * of the REST API. Branch on the class, its `_tag` or its `type`, never on the text.
 */
import { type Option, Schema } from "effect"
import { HttpApiError } from "effect/http-api"

const problemType = <const Code extends string>(code: Code) => `https://koredump.dev/problems/${code}` as const

const optionalString = Schema.optionalKey(Schema.String)

/** A query parameter is unknown or invalid. `parameter` is its name. */
export class InvalidQuery extends HttpApiError.Problem<InvalidQuery>()("InvalidQuery", {
  type: problemType("invalid-query"),
  status: 400,
  title: "Invalid query"
}, { parameter: Schema.String }) {}

/** The request is invalid, apart from its query. */
export class BadRequest extends HttpApiError.Problem<BadRequest>()("BadRequest", {
  type: problemType("bad-request"),
  status: 400,
  title: "Invalid request"
}) {}

/** The bearer token is missing or invalid. */
export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("Unauthorized", {
  type: problemType("unauthorized"),
  status: 401,
  title: "Authentication required"
}) {}

/** The caller is authenticated, but has no permission. */
export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: problemType("forbidden"),
  status: 403,
  title: "Permission denied"
}) {}

/** Deletion is disabled on this server. */
export class DeletionDisabled extends HttpApiError.Problem<DeletionDisabled>()("DeletionDisabled", {
  type: problemType("deletion-disabled"),
  status: 403,
  title: "Deletion is disabled on this server"
}) {}

/** The core does not exist, or the caller has no permission to see it. */
export class CoreNotFound extends HttpApiError.Problem<CoreNotFound>()("CoreNotFound", {
  type: problemType("core-not-found"),
  status: 404,
  title: "Core not found"
}, { node: optionalString, id: Schema.String }) {}

/** The crash is known, but its core file is not stored. `detail` is the reason, if known. */
export class CoreNotStored extends HttpApiError.Problem<CoreNotStored>()("CoreNotStored", {
  type: problemType("core-not-stored"),
  status: 404,
  title: "Core file not stored"
}, { node: optionalString, id: Schema.String }) {}

/** The route does not exist. */
export class RouteNotFound extends HttpApiError.Problem<RouteNotFound>()("RouteNotFound", {
  type: problemType("not-found"),
  status: 404,
  title: "Not found"
}) {}

/** The route does not support the method. The header `Allow` lists the supported methods. */
export class MethodNotAllowed extends HttpApiError.Problem<MethodNotAllowed>()("MethodNotAllowed", {
  type: problemType("method-not-allowed"),
  status: 405,
  title: "Method not allowed"
}, { allow: Schema.Array(Schema.String) }) {}

/** The request's `Accept` header matches no available format. */
export class NotAcceptable extends HttpApiError.Problem<NotAcceptable>()("NotAcceptable", {
  type: problemType("not-acceptable"),
  status: 406,
  title: "Not acceptable"
}) {}

/** A watch cannot resume from this version. List again, and watch from the version of that list. */
export class ResourceVersionExpired extends HttpApiError.Problem<ResourceVersionExpired>()("ResourceVersionExpired", {
  type: problemType("resource-version-expired"),
  status: 410,
  title: "Resource version expired"
}) {}

/** A condition of the request (`If-Match`, `If-Unmodified-Since`) does not hold for the core file. */
export class PreconditionFailed extends HttpApiError.Problem<PreconditionFailed>()("PreconditionFailed", {
  type: problemType("precondition-failed"),
  status: 412,
  title: "The core file has changed"
}) {}

/** The server cannot decompress the core. */
export class UnsupportedCompression extends HttpApiError.Problem<UnsupportedCompression>()("UnsupportedCompression", {
  type: problemType("unsupported-compression"),
  status: 415,
  title: "Compression not supported"
}, { compression: Schema.String }) {}

/** The requested range is outside of the file. `size` is the size of the file in bytes. */
export class RangeNotSatisfiable extends HttpApiError.Problem<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  type: problemType("range-not-satisfiable"),
  status: 416,
  title: "Range not satisfiable"
}, { size: Schema.Int }) {}

/** The limit of concurrent downloads is reached. The header `Retry-After` contains the delay before a retry. */
export class TooManyDownloads extends HttpApiError.Problem<TooManyDownloads>()("TooManyDownloads", {
  type: problemType("too-many-downloads"),
  status: 429,
  title: "Too many concurrent downloads"
}) {}

/** The limit of concurrent watches is reached. The header `Retry-After` contains the delay before a retry. */
export class TooManyWatches extends HttpApiError.Problem<TooManyWatches>()("TooManyWatches", {
  type: problemType("too-many-watches"),
  status: 429,
  title: "Too many concurrent watches"
}) {}

/** The caller has too many requests at the same time. The header `Retry-After` contains the delay before a retry. */
export class TooManyRequests extends HttpApiError.Problem<TooManyRequests>()("TooManyRequests", {
  type: problemType("too-many-requests"),
  status: 429,
  title: "Too many requests"
}) {}

/** A bug in koredump, or a failure of the server's host. Search the server's log for `requestId`. */
export class InternalError extends HttpApiError.Problem<InternalError>()("InternalError", {
  type: problemType("internal-error"),
  status: 500,
  title: "Internal error"
}, { requestId: optionalString }) {}

/** The core file exists, but the server cannot read it: permission denied, input/output error, or corrupt content. */
export class CoreUnreadable extends HttpApiError.Problem<CoreUnreadable>()("CoreUnreadable", {
  type: problemType("core-unreadable"),
  status: 500,
  title: "Core file not readable"
}, { node: optionalString, id: Schema.String }) {}

/** A node (for a client: the server) is unreachable or returned an invalid response. */
export class NodeFailed extends HttpApiError.Problem<NodeFailed>()("NodeFailed", {
  type: problemType("node-failed"),
  status: 502,
  title: "Upstream request failed"
}, { node: optionalString }) {}

/** The cores of some nodes are missing from a list with `strict=true`. */
export class PartialList extends HttpApiError.Problem<PartialList>()("PartialList", {
  type: problemType("partial-list"),
  status: 502,
  title: "Some nodes are unreachable"
}, { nodes: Schema.Array(Schema.String) }) {}

/** The server is starting, or something that it depends on is unavailable. */
export class NotReady extends HttpApiError.Problem<NotReady>()("NotReady", {
  type: problemType("not-ready"),
  status: 503,
  title: "Not ready"
}) {}

/** The server works on as many requests as its limits allow. The header `Retry-After` contains the delay before a retry. */
export class ServerBusy extends HttpApiError.Problem<ServerBusy>()("ServerBusy", {
  type: problemType("server-busy"),
  status: 503,
  title: "Server busy"
}) {}

/** A node (for a client: the server) did not respond in time. */
export class NodeTimeout extends HttpApiError.Problem<NodeTimeout>()("NodeTimeout", {
  type: problemType("node-timeout"),
  status: 504,
  title: "Upstream request timed out"
}, { node: optionalString }) {}

/** The error type of every `CoreSource`. */
export const Problem = Schema.Union([
  InvalidQuery,
  BadRequest,
  Unauthorized,
  Forbidden,
  DeletionDisabled,
  CoreNotFound,
  CoreNotStored,
  RouteNotFound,
  MethodNotAllowed,
  NotAcceptable,
  ResourceVersionExpired,
  PreconditionFailed,
  UnsupportedCompression,
  RangeNotSatisfiable,
  TooManyDownloads,
  TooManyWatches,
  TooManyRequests,
  InternalError,
  CoreUnreadable,
  NodeFailed,
  PartialList,
  NotReady,
  ServerBusy,
  NodeTimeout
])
export type Problem = typeof Problem.Type

/** Whether the same request can succeed after a short time. */
export const isTransient = (problem: { readonly _tag: string }): boolean => transientTags.has(problem._tag)

const transientTags = new Set([
  "InternalError",
  "NodeFailed",
  "NodeTimeout",
  "NotReady",
  "ServerBusy",
  "TooManyDownloads",
  "TooManyRequests"
])

const decodeProblem = Schema.decodeUnknownOption(Problem)

/** Decodes a response body of type `application/problem+json`. Returns `none` for problems of other software. */
export const problemFromJson = (body: unknown): Option.Option<Problem> => decodeProblem(body)

/** Encodes a problem as JSON, for response bodies and the ERROR event of a watch. */
export const problemToJson: (problem: Problem) => unknown = Schema.encodeSync(Problem)
