/**
 * Every way in which a request can fail, as RFC 9457 problems: the same classes are the errors of the services and the
 * bodies that REST answers. Branch on the class, its `_tag` or its `type`; never on the text.
 */
import { type Option, Schema } from "effect"
import { HttpApiError } from "effect/http-api"

const problemType = <const Code extends string>(code: Code) => `https://koredump.dev/problems/${code}` as const

const optionalString = Schema.optionalKey(Schema.String)

/** A parameter of the query is unknown or malformed; `parameter` names it. */
export class InvalidQuery extends HttpApiError.Problem<InvalidQuery>()("InvalidQuery", {
  type: problemType("invalid-query"),
  status: 400,
  title: "The query is not valid"
}, { parameter: Schema.String }) {}

/** The request is malformed in another way than its query. */
export class BadRequest extends HttpApiError.Problem<BadRequest>()("BadRequest", {
  type: problemType("bad-request"),
  status: 400,
  title: "The request is not valid"
}) {}

/** No token, or one that is not accepted. */
export class Unauthorized extends HttpApiError.Problem<Unauthorized>()("Unauthorized", {
  type: problemType("unauthorized"),
  status: 401,
  title: "A valid bearer token is required"
}) {}

/** The caller is known, and may not do this. */
export class Forbidden extends HttpApiError.Problem<Forbidden>()("Forbidden", {
  type: problemType("forbidden"),
  status: 403,
  title: "Not allowed"
}) {}

/** This server does not delete. */
export class DeletionDisabled extends HttpApiError.Problem<DeletionDisabled>()("DeletionDisabled", {
  type: problemType("deletion-disabled"),
  status: 403,
  title: "Deletion is disabled on this server"
}) {}

/** No such core, or none that the caller may see. */
export class CoreNotFound extends HttpApiError.Problem<CoreNotFound>()("CoreNotFound", {
  type: problemType("core-not-found"),
  status: 404,
  title: "No such core"
}, { node: optionalString, id: Schema.String }) {}

/** The crash is known, its core is not there: `detail` says why, as far as known. */
export class CoreNotStored extends HttpApiError.Problem<CoreNotStored>()("CoreNotStored", {
  type: problemType("core-not-stored"),
  status: 404,
  title: "The core of this crash is not stored"
}, { node: optionalString, id: Schema.String }) {}

/** No such route. */
export class RouteNotFound extends HttpApiError.Problem<RouteNotFound>()("RouteNotFound", {
  type: problemType("not-found"),
  status: 404,
  title: "No such resource"
}) {}

/** The route exists, the method does not; the header `Allow` has those that do. */
export class MethodNotAllowed extends HttpApiError.Problem<MethodNotAllowed>()("MethodNotAllowed", {
  type: problemType("method-not-allowed"),
  status: 405,
  title: "Method not allowed"
}, { allow: Schema.Array(Schema.String) }) {}

/** No representation that the request's `Accept` takes. */
export class NotAcceptable extends HttpApiError.Problem<NotAcceptable>()("NotAcceptable", {
  type: problemType("not-acceptable"),
  status: 406,
  title: "Not acceptable"
}) {}

/** The watch cannot go on from this version: list again, and watch from there. */
export class ResourceVersionExpired extends HttpApiError.Problem<ResourceVersionExpired>()("ResourceVersionExpired", {
  type: problemType("resource-version-expired"),
  status: 410,
  title: "The resource version is too old"
}) {}

/** The file is not (or no longer) the one that the request's condition names. */
export class PreconditionFailed extends HttpApiError.Problem<PreconditionFailed>()("PreconditionFailed", {
  type: problemType("precondition-failed"),
  status: 412,
  title: "The core has changed"
}) {}

/** The core cannot be decompressed here. */
export class UnsupportedCompression extends HttpApiError.Problem<UnsupportedCompression>()("UnsupportedCompression", {
  type: problemType("unsupported-compression"),
  status: 415,
  title: "The core's compression is not supported"
}, { compression: Schema.String }) {}

/** The range asked for lies outside the file, which has `size` bytes. */
export class RangeNotSatisfiable extends HttpApiError.Problem<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  type: problemType("range-not-satisfiable"),
  status: 416,
  title: "The range is not satisfiable"
}, { size: Schema.Int }) {}

/** As many downloads run as are allowed; the header `Retry-After` says when to ask again. */
export class TooManyDownloads extends HttpApiError.Problem<TooManyDownloads>()("TooManyDownloads", {
  type: problemType("too-many-downloads"),
  status: 429,
  title: "Too many downloads at once"
}) {}

/** As many watches run as are allowed. */
export class TooManyWatches extends HttpApiError.Problem<TooManyWatches>()("TooManyWatches", {
  type: problemType("too-many-watches"),
  status: 429,
  title: "Too many watches at once"
}) {}

/** A defect, or a failure of the server's own host; the log has more under `requestId`. */
export class InternalError extends HttpApiError.Problem<InternalError>()("InternalError", {
  type: problemType("internal-error"),
  status: 500,
  title: "Internal error"
}, { requestId: optionalString }) {}

/** The file is there and the server cannot read it (permissions, input/output error, corrupt content). */
export class CoreUnreadable extends HttpApiError.Problem<CoreUnreadable>()("CoreUnreadable", {
  type: problemType("core-unreadable"),
  status: 500,
  title: "The core cannot be read"
}, { node: optionalString, id: Schema.String }) {}

/** Whoever should answer (a node, or for a client the server) answered wrongly or not at all. */
export class NodeFailed extends HttpApiError.Problem<NodeFailed>()("NodeFailed", {
  type: problemType("node-failed"),
  status: 502,
  title: "No proper answer"
}, { node: optionalString }) {}

/** The list was asked to be complete (`strict=true`) and is not. */
export class PartialList extends HttpApiError.Problem<PartialList>()("PartialList", {
  type: problemType("partial-list"),
  status: 502,
  title: "Some nodes cannot be reached"
}, { nodes: Schema.Array(Schema.String) }) {}

/** The server cannot answer yet, or a part that it needs is down. */
export class NotReady extends HttpApiError.Problem<NotReady>()("NotReady", {
  type: problemType("not-ready"),
  status: 503,
  title: "Not ready"
}) {}

/** Whoever should answer did not do so in time. */
export class NodeTimeout extends HttpApiError.Problem<NodeTimeout>()("NodeTimeout", {
  type: problemType("node-timeout"),
  status: 504,
  title: "No answer in time"
}, { node: optionalString }) {}

/** All problems: the error type of every `CoreSource`. */
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
  InternalError,
  CoreUnreadable,
  NodeFailed,
  PartialList,
  NotReady,
  NodeTimeout
])
export type Problem = typeof Problem.Type

/** Whether the same may succeed a little later. */
export const isTransient = (problem: { readonly _tag: string }): boolean => transientTags.has(problem._tag)

const transientTags = new Set(["InternalError", "NodeFailed", "NodeTimeout", "NotReady", "TooManyDownloads"])

const decodeProblem = Schema.decodeUnknownOption(Problem)

/** The problem that a body of `application/problem+json` holds; none for problems of others. */
export const problemFromJson = (body: unknown): Option.Option<Problem> => decodeProblem(body)

/** A problem as its JSON body, as REST sends it and the ERROR event of a watch carries it. */
export const problemToJson: (problem: Problem) => unknown = Schema.encodeSync(Problem)
