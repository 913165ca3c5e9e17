/**
 * The REST API as one value: the server's routes, the typed client and the OpenAPI document derive from it. Paths and
 * keys of koredump 0.4.0 are unchanged.
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
import { ListParameters, queryParseOptions, WatchParameters } from "../source/CoreQuery.ts"
import { NodeStatus } from "../source/CoreSource.ts"
import { rawParameter } from "../source/queryParameter.ts"

/** The caller of the current request. */
export class CurrentPrincipal
  extends Context.Service<CurrentPrincipal, Principal>()("@koredump/core/CurrentPrincipal")
{}

/** Authenticates the bearer token of a request. A server on loopback without tokens accepts every request. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentPrincipal }>()(
  "@koredump/core/Authorization",
  {
    requiredForClient: true,
    security: { bearer: HttpApiSecurity.bearer },
    error: [Problem.Unauthorized, Problem.TooManyRequests, Problem.NotReady, Problem.ServerBusy]
  }
) {}

/** Answers queries that cannot be decoded with an `InvalidQuery` problem. */
export class QueryValidation extends HttpApiMiddleware.Service<QueryValidation>()("@koredump/core/QueryValidation") {}

// Plain strings: an invalid name or ID answers 404, like one that does not exist.
const refParams = { node: Schema.String, id: Schema.String }
const idParams = { id: Schema.String }

const metadataOptions = {
  success: CoreMetadata,
  error: [Problem.CoreNotFound, Problem.NodeFailed, Problem.NodeTimeout]
}

const downloadOptions = {
  query: { decompress: rawParameter("true: send the core decompressed.") },
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
      query: ListParameters,
      success: Schema.Array(CoreSummary),
      error: [Problem.InvalidQuery, Problem.Forbidden, Problem.PartialList]
    }).annotateMerge(described(
      "List cores",
      "Returns an array of core summaries, oldest first. To watch without missing an event, start from the version in " +
        "the header Koredump-Resource-Version. The header Koredump-Unreachable names nodes whose cores are missing or " +
        "may be out of date (only the first of very many). With a limit, the header Link has the next page."
    )).annotate(HttpApi.QueryParseOptions, queryParseOptions).middleware(QueryValidation),
    HttpApiEndpoint.get("metadata", "/apiv1/cores/metadata/:node/:id", { params: refParams, ...metadataOptions })
      .annotateMerge(
        described("Get the metadata of a core", "Returns all fields, including heavy fields and the stack trace.")
      ),
    HttpApiEndpoint.get("metadataHere", "/apiv1/cores/metadata/:id", { params: idParams, ...metadataOptions })
      .annotateMerge(described("Get the metadata of a core", "Short form for a server of one node.")),
    HttpApiEndpoint.get("download", "/apiv1/cores/download/:node/:id", { params: refParams, ...downloadOptions })
      .annotateMerge(described(
        "Download a core",
        "Sends the stored file. Supports single ranges and conditional requests; HEAD returns the same headers. " +
          "A decompressed core has no Content-Length and supports no ranges. If the file is corrupt, the server closes " +
          "the connection."
      )),
    HttpApiEndpoint.get("downloadHere", "/apiv1/cores/download/:id", { params: idParams, ...downloadOptions })
      .annotateMerge(described("Download a core", "Short form for a server of one node.")),
    HttpApiEndpoint.delete("delete", "/apiv1/cores/delete/:node/:id", { params: refParams, ...deleteOptions })
      .annotateMerge(
        described("Delete a core", "Deletes the stored file. Disabled unless the server allows deletion.")
      ),
    HttpApiEndpoint.delete("deleteHere", "/apiv1/cores/delete/:id", { params: idParams, ...deleteOptions })
      .annotateMerge(described("Delete a core", "Short form for a server of one node.")),
    HttpApiEndpoint.get("watch", "/apiv1/watch", {
      query: WatchParameters,
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
      "Sends one event per line: {\"type\":\"ADDED|MODIFIED|DELETED|BOOKMARK|ERROR\",\"object\":{…}}. With Accept: " +
        "text/event-stream, sends server-sent events. Without resourceVersion, the current cores come first, then a " +
        "BOOKMARK, then changes."
    )).annotate(HttpApi.QueryParseOptions, queryParseOptions).middleware(QueryValidation)
  )
  .middleware(Authorization)
{}

/** Nodes and their status. */
export class NodesApi extends HttpApiGroup.make("nodes")
  .add(
    HttpApiEndpoint.get("list", "/apiv1/nodes", {
      success: Schema.Array(NodeStatus),
      error: [Problem.Forbidden]
    }).annotateMerge(described(
      "List nodes",
      "Returns the status of each node. Requires permission to list nodecoredumps."
    ))
  )
  .middleware(Authorization)
{}

/** Routes without authentication. */
export class SystemApi extends HttpApiGroup.make("system", { topLevel: true })
  .add(
    HttpApiEndpoint.get("health", "/health", {
      success: Schema.String.pipe(HttpApiSchema.asText())
    }).annotateMerge(
      described("Health", "Answers OK, for existing probes. New probes use /livez and /readyz of the ops port.")
    )
  )
{}

/** The REST API. */
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
