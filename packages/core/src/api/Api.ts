/**
 * The REST API as one value: server routes, typed client and the OpenAPI document are all derived from it. Paths and
 * keys are those of the Python koredump; everything else is an addition.
 */
import { Context, Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import type { Principal } from "../access/Authenticator.ts"
import { CoreMetadata, CoreSummary } from "../model/Core.ts"
import * as Problem from "../model/Problem.ts"
import { NodeStatus } from "../source/CoreSource.ts"

/** The caller of the request at hand. */
export class CurrentPrincipal
  extends Context.Service<CurrentPrincipal, Principal>()("@koredump/core/CurrentPrincipal")
{}

/** Lets a request through if its bearer token is accepted. A server on loopback without tokens lets all through. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentPrincipal }>()(
  "@koredump/core/Authorization",
  {
    requiredForClient: true,
    security: { bearer: HttpApiSecurity.bearer },
    error: [Problem.Unauthorized, Problem.NotReady]
  }
) {}

const param = (description: string) =>
  Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)]).annotate({ description }))

/** The parameters of list, watch and crashes as they stand in a URL; `decodeCoreFilter` gives them their meaning. */
export const FilterParams = {
  id: param("The core's file name. Repeatable, as all that are compared exactly: any of them."),
  namespace: param("Namespace of the pod. Repeatable."),
  pod: param("Name of the pod. Repeatable."),
  container: param("Name of the container. Repeatable."),
  node: param("Name of the node. Repeatable."),
  comm: param("Name of the process, as the kernel has it. Repeatable."),
  exe: param("Path of the executable. Repeatable."),
  image: param("Name of the container's image. Repeatable."),
  signal: param("Name or number of the signal. Repeatable."),
  uid: param("User id of the process. Repeatable."),
  state: param("present, truncated, pending, missing, or any. Repeatable. Without it all but missing."),
  signature: param("Crash signature. Repeatable."),
  since: param("Crashed at or after: RFC 3339, or a duration before now such as 90m or 3d."),
  until: param("Crashed before: RFC 3339, or a duration before now."),
  q: param("Text that stands anywhere in the summary.")
}

/** The further parameters of a list; `decodeCoreQuery` gives them their meaning. */
export const ListParams = {
  ...FilterParams,
  sort: param("timestamp (as without it) or size."),
  order: param("asc (as without it) or desc."),
  limit: param("Cores on a page, 1 to 1000. Without it all."),
  continue: param("The value that the page before gave in its Link header."),
  fields: param("Just these keys, with commas between; all adds the heavy ones and needs a limit of 100 or less."),
  strict: param("true: a list that lacks nodes is a 502 instead of a partial answer.")
}

/** The parameters of a watch. */
export const WatchParams = {
  ...FilterParams,
  resourceVersion: param("Where to go on: the version of a list, or of the last event seen.")
}

// Any text is a node's name or a core's id here: a bad one is a 404, as one that does not exist.
const refParams = { node: Schema.String, id: Schema.String }
const idParams = { id: Schema.String }

const metadataOptions = {
  success: CoreMetadata,
  error: [Problem.CoreNotFound, Problem.NodeFailed, Problem.NodeTimeout]
}

const downloadOptions = {
  query: { decompress: param("true: the core itself, decompressed while it is sent.") },
  success: HttpApiSchema.StreamUint8Array({ contentType: "application/octet-stream" }),
  error: [
    Problem.InvalidQuery,
    Problem.Forbidden,
    Problem.CoreNotFound,
    Problem.CoreNotStored,
    Problem.PreconditionFailed,
    Problem.UnsupportedCompression,
    Problem.RangeNotSatisfiable,
    Problem.TooManyDownloads,
    Problem.CoreUnreadable,
    Problem.NodeFailed,
    Problem.NodeTimeout
  ]
}

const deleteOptions = {
  success: Schema.Struct({}),
  error: [Problem.Forbidden, Problem.DeletionDisabled, Problem.CoreNotFound, Problem.CoreNotStored]
}

const described = (summary: string, description: string) => OpenApi.annotations({ summary, description })

/** Cores: list, metadata, download, deletion, watch. */
export class CoresApi extends HttpApiGroup.make("cores")
  .add(
    HttpApiEndpoint.get("list", "/apiv1/cores", {
      query: ListParams,
      success: Schema.Array(CoreSummary),
      error: [Problem.InvalidQuery, Problem.Forbidden, Problem.PartialList]
    }).annotateMerge(described(
      "List cores",
      "An array, oldest first. Header Koredump-Resource-Version: watch from there and miss nothing. " +
        "Header Koredump-Unreachable: nodes that are not in the answer or whose part may be old; of very many the first. " +
        "With a limit, header Link has the next page."
    )),
    HttpApiEndpoint.get("metadata", "/apiv1/cores/metadata/:node/:id", { params: refParams, ...metadataOptions })
      .annotateMerge(described("Everything known of one core", "Heavy fields and stack trace included.")),
    HttpApiEndpoint.get("metadataHere", "/apiv1/cores/metadata/:id", { params: idParams, ...metadataOptions })
      .annotateMerge(described("Everything known of one core", "The short form, for a server of one node.")),
    HttpApiEndpoint.get("download", "/apiv1/cores/download/:node/:id", { params: refParams, ...downloadOptions })
      .annotateMerge(described(
        "Download a core",
        "The stored file, with single ranges and conditional requests; HEAD gives the same headers. " +
          "Decompressed it has no length and no ranges; a corrupt file breaks the connection."
      )),
    HttpApiEndpoint.get("downloadHere", "/apiv1/cores/download/:id", { params: idParams, ...downloadOptions })
      .annotateMerge(described("Download a core", "The short form, for a server of one node.")),
    HttpApiEndpoint.delete("delete", "/apiv1/cores/delete/:node/:id", { params: refParams, ...deleteOptions })
      .annotateMerge(described("Delete a core", "Deletes the stored file. Off unless the server allows it.")),
    HttpApiEndpoint.delete("deleteHere", "/apiv1/cores/delete/:id", { params: idParams, ...deleteOptions })
      .annotateMerge(described("Delete a core", "The short form, for a server of one node.")),
    HttpApiEndpoint.get("watch", "/apiv1/watch", {
      query: WatchParams,
      success: HttpApiSchema.StreamUint8Array({ contentType: "application/x-ndjson" }),
      error: [
        Problem.InvalidQuery,
        Problem.Forbidden,
        Problem.NotAcceptable,
        Problem.ResourceVersionExpired,
        Problem.TooManyWatches
      ]
    }).annotateMerge(described(
      "Watch cores",
      "One event a line: {\"type\":\"ADDED|MODIFIED|DELETED|BOOKMARK|ERROR\",\"object\":{…}}; server-sent events for " +
        "Accept: text/event-stream. Without a version first the present cores, then a BOOKMARK, then changes."
    ))
  )
  .middleware(Authorization)
{}

/** Nodes: how things stand with each. */
export class NodesApi extends HttpApiGroup.make("nodes")
  .add(
    HttpApiEndpoint.get("list", "/apiv1/nodes", {
      success: Schema.Array(NodeStatus),
      error: [Problem.Forbidden]
    }).annotateMerge(described(
      "List nodes",
      "How things stand with each node. Needs the right to list nodecoredumps."
    ))
  )
  .middleware(Authorization)
{}

/** What needs no token. */
export class SystemApi extends HttpApiGroup.make("system", { topLevel: true })
  .add(
    HttpApiEndpoint.get("health", "/health", {
      success: Schema.String.pipe(HttpApiSchema.asText())
    }).annotateMerge(described("Health", "OK, for probes of old; new ones ask /livez and /readyz of the ops port."))
  )
{}

/** The whole API. */
export class Api extends HttpApi.make("koredump")
  .add(CoresApi)
  .add(NodesApi)
  .add(SystemApi)
  .annotateMerge(OpenApi.annotations({
    title: "koredump",
    version: "1",
    description: "Access to the core dumps of a Kubernetes cluster.",
    license: { name: "Apache-2.0" }
  }))
{}
