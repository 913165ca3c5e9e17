/**
 * The OpenAPI document of the server: the document of `Api`, completed with what its definition cannot express: ranges,
 * conditional requests, HEAD, the formats of a watch, headers, and problems that any request can have.
 */
import { Api } from "@koredump/core"
import { OpenApi } from "effect/http-api"

type Json = Record<string, unknown>

interface Operation extends Json {
  readonly parameters: ReadonlyArray<Json>
  readonly responses: Readonly<Record<string, Json>>
}

const text = { type: "string" }
const binary = { type: "string", format: "binary" }

const makeHeader = (name: string, description: string) => ({
  name,
  in: "header",
  required: false,
  description,
  schema: text
})

const makeHeaders = (descriptions: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(descriptions).map(([name, description]) => [name, { description, schema: text }]))

const requestId = makeHeaders({
  "X-Request-Id": "ID of the request in the server's log. A valid X-Request-Id of the request is kept."
})

// Failures of the source of the cores, and requests without a route.
const anyProblem = {
  description: "Any other problem. See its type.",
  content: {
    "application/problem+json": {
      schema: {
        type: "object",
        properties: {
          type: { type: "string", format: "uri" },
          title: text,
          status: { type: "integer" },
          detail: text,
          instance: text
        },
        required: ["type", "title", "status"]
      }
    }
  }
}

const invalidQuery = {
  description: "Invalid query",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/InvalidQuery" } } }
}

const statusHeaders: Readonly<Record<string, Json>> = {
  "401": makeHeaders({ "WWW-Authenticate": "Bearer" }),
  "416": makeHeaders({ "Content-Range": "bytes */SIZE" }),
  "429": makeHeaders({ "Retry-After": "Seconds to wait before the next try" }),
  "503": makeHeaders({ "Retry-After": "Seconds to wait before the next try" })
}

/** Adds what all operations have in common. */
const addCommon = (operation: Operation): Operation => ({
  ...operation,
  responses: Object.fromEntries(
    Object.entries({ "400": invalidQuery, ...operation.responses, default: anyProblem }).map(([status, response]) => [
      status,
      { ...response, headers: { ...requestId, ...statusHeaders[status], ...(response as Json)["headers"] as Json } }
    ])
  )
})

const fileHeaders = makeHeaders({
  "Content-Disposition": "attachment, with the name of the file",
  "Last-Modified": "Time of the last change of the file",
  "Cache-Control": "no-cache"
})

const storedHeaders = {
  ...fileHeaders,
  ...makeHeaders({ ETag: "Strong entity tag of the file", "Accept-Ranges": "bytes" })
}

const file = Object.fromEntries(
  ["application/octet-stream", "application/zstd", "application/x-lz4", "application/x-xz"].map((type) => [
    type,
    { schema: binary }
  ])
)

const conditions = [
  makeHeader("If-Match", "Entity tags. 412 if the file has another one."),
  makeHeader("If-None-Match", "Entity tags. 304 if the file has one of them."),
  makeHeader("If-Modified-Since", "Date. 304 if the file has not changed since."),
  makeHeader("If-Unmodified-Since", "Date. 412 if the file has changed since.")
]

const ranges = [
  makeHeader("Range", "A single range of bytes. Several ranges, or a malformed header, are ignored."),
  makeHeader("If-Range", "Entity tag or date. If the file has changed, the whole file is sent.")
]

const addDownload = (operation: Operation): Operation => ({
  ...operation,
  parameters: [...operation.parameters, ...conditions, ...ranges],
  responses: {
    ...operation.responses,
    "200": {
      description: "The stored file, or the decompressed core",
      headers: {
        ...storedHeaders,
        ...makeHeaders({ "Content-Length": "Size in bytes. Absent for a decompressed core." })
      },
      content: file
    },
    "206": {
      description: "The requested range",
      headers: {
        ...storedHeaders,
        ...makeHeaders({
          "Content-Length": "Size of the range in bytes",
          "Content-Range": "Range and size of the file: bytes FIRST-LAST/SIZE"
        })
      },
      content: file
    },
    "304": { description: "The file has not changed", headers: storedHeaders }
  }
})

const removeBody = (response: Json): Json => {
  const { content: _, ...rest } = response
  return rest
}

/** Makes the HEAD operation of a GET operation: the same headers without a body. */
const toHead = (operation: Operation): Operation => ({
  ...operation,
  operationId: `${String(operation["operationId"])}Head`,
  summary: "Get the headers of a download",
  parameters: operation.parameters.filter((parameter) => !ranges.some(({ name }) => name === parameter["name"])),
  responses: Object.fromEntries(
    Object.entries(operation.responses)
      .filter(([status]) => !["206", "416"].includes(status))
      .map(([status, response]) => [status, removeBody(response)])
  )
})

const eventSchema = {
  type: "object",
  properties: {
    type: { type: "string", enum: ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"] },
    object: {
      description: "A core. For BOOKMARK: an object with resourceVersion. For ERROR: a problem.",
      type: "object"
    }
  },
  required: ["type", "object"]
}

const addWatch = (operation: Operation): Operation => ({
  ...operation,
  parameters: [
    ...operation.parameters,
    makeHeader("Last-Event-ID", "Like resourceVersion, and has precedence. Browsers send it when they reconnect.")
  ],
  responses: {
    ...operation.responses,
    "200": {
      description: "A stream of events: one JSON object per line, or server-sent events",
      content: { "application/x-ndjson": { schema: eventSchema }, "text/event-stream": { schema: eventSchema } }
    }
  }
})

const addList = (operation: Operation): Operation => ({
  ...operation,
  responses: {
    ...operation.responses,
    "200": {
      ...operation.responses["200"],
      headers: makeHeaders({
        "Koredump-Resource-Version": "Resource version of the list. A watch from here misses no event.",
        "Koredump-Unreachable":
          "Names of nodes whose cores are missing or may be out of date. Of very many, only the first. Absent if there are none.",
        Link: "With a limit: the URL of the next page, rel=\"next\""
      })
    }
  }
})

const addDelete = (operation: Operation): Operation => ({
  ...operation,
  responses: {
    ...operation.responses,
    "200": { description: "Deleted", content: { "application/json": { schema: { type: "object" } } } }
  }
})

const completePathItem = (path: string, { delete: deletion, get }: Readonly<Record<string, Operation>>): Json => {
  if (deletion !== undefined) return { delete: addCommon(addDelete(deletion)) }
  if (get === undefined) return {}
  if (path.startsWith("/apiv1/cores/download/")) {
    const operation = addCommon(addDownload(get))
    return { get: operation, head: toHead(operation) }
  }
  if (path === "/apiv1/watch") return { get: addCommon(addWatch(get)) }
  if (path === "/apiv1/cores") return { get: addCommon(addList(get)) }
  return { get: path === "/health" ? get : addCommon(get) }
}

/** Removes the suffix that Effect adds to the names of encoded schemas. */
const removeEncodedSuffix = (document: Json): Json =>
  JSON.parse(
    JSON.stringify(document).replace(/"(#\/components\/schemas\/)?(\w+)Encoded"/g, (_, prefix = "", name) =>
      `"${prefix}${name}"`)
  ) as Json

const completeDocument = (document: Json): Json =>
  removeEncodedSuffix({
    ...document,
    paths: Object.fromEntries(
      Object.entries(document["paths"] as Record<string, Record<string, Operation>>).map(([path, operations]) => [
        path,
        completePathItem(path, operations)
      ])
    )
  })

/** The `Api` with the OpenAPI document of this server. */
export const documentedApi = Api.annotate(OpenApi.Transform, completeDocument)
