/**
 * The OpenAPI document of the server: that of the `Api` value, plus what stands beside its routes. Requests with ranges
 * and conditions, HEAD, two forms of the watch, headers, and problems that any request may meet.
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

const header = (name: string, description: string) => ({
  name,
  in: "header",
  required: false,
  description,
  schema: text
})

const headers = (descriptions: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(descriptions).map(([name, description]) => [name, { description, schema: text }]))

const requestId = headers({ "X-Request-Id": "The request's own id where it was a sane one; the log has it." })

// Whatever the source of the cores fails with, and what no route answers.
const anyProblem = {
  description: "Any other problem, see its type",
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
  description: "The query is not valid",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/InvalidQuery" } } }
}

const statusHeaders: Readonly<Record<string, Json>> = {
  "401": headers({ "WWW-Authenticate": "Bearer" }),
  "416": headers({ "Content-Range": "bytes */SIZE" }),
  "429": headers({ "Retry-After": "Seconds to wait" }),
  "503": headers({ "Retry-After": "Seconds to wait" })
}

/** What holds for all operations. */
const common = (operation: Operation): Operation => ({
  ...operation,
  responses: Object.fromEntries(
    Object.entries({ "400": invalidQuery, ...operation.responses, default: anyProblem }).map(([status, response]) => [
      status,
      { ...response, headers: { ...requestId, ...statusHeaders[status], ...(response as Json)["headers"] as Json } }
    ])
  )
})

const fileHeaders = headers({
  "Content-Disposition": "attachment, with the core's file name",
  "Last-Modified": "When the file was last changed",
  "Cache-Control": "no-cache"
})

const storedHeaders = {
  ...fileHeaders,
  ...headers({ ETag: "Strong: equal only for the same bytes", "Accept-Ranges": "bytes" })
}

const file = Object.fromEntries(
  ["application/octet-stream", "application/zstd", "application/x-lz4", "application/x-xz"].map((type) => [
    type,
    { schema: binary }
  ])
)

const conditions = [
  header("If-Match", "Entity tags: 412 where none of them is the file's"),
  header("If-None-Match", "Entity tags: 304 where one of them is the file's"),
  header("If-Modified-Since", "304 where the file was not changed since"),
  header("If-Unmodified-Since", "412 where the file was changed since")
]

const ranges = [
  header("Range", "A single range of bytes; several or malformed ones are as if there were none"),
  header("If-Range", "Entity tag or date: the whole file where it is another now")
]

const download = (operation: Operation): Operation => ({
  ...operation,
  parameters: [...operation.parameters, ...conditions, ...ranges],
  responses: {
    ...operation.responses,
    "200": {
      description: "The file, or the core itself, decompressed",
      headers: { ...storedHeaders, ...headers({ "Content-Length": "Not where it is decompressed" }) },
      content: file
    },
    "206": {
      description: "The range asked for",
      headers: { ...storedHeaders, ...headers({ "Content-Length": "Of the range", "Content-Range": "The range" }) },
      content: file
    },
    "304": { description: "The file is still the one that the request names", headers: storedHeaders }
  }
})

const withoutBody = (response: Json): Json => {
  const { content: _, ...rest } = response
  return rest
}

/** A HEAD request has the headers of GET, and never a body. */
const headOf = (operation: Operation): Operation => ({
  ...operation,
  operationId: `${String(operation["operationId"])}Head`,
  summary: "The headers of a download",
  parameters: operation.parameters.filter((parameter) => !ranges.some(({ name }) => name === parameter["name"])),
  responses: Object.fromEntries(
    Object.entries(operation.responses)
      .filter(([status]) => !["206", "416", "429"].includes(status))
      .map(([status, response]) => [status, withoutBody(response)])
  )
})

const eventSchema = {
  type: "object",
  properties: {
    type: { type: "string", enum: ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"] },
    object: { description: "The core; of a BOOKMARK its resourceVersion, of an ERROR a problem", type: "object" }
  },
  required: ["type", "object"]
}

const watch = (operation: Operation): Operation => ({
  ...operation,
  parameters: [...operation.parameters, header("Last-Event-ID", "As resourceVersion; it wins")],
  responses: {
    ...operation.responses,
    "200": {
      description: "Events without end: one a line, or as server-sent events",
      content: { "application/x-ndjson": { schema: eventSchema }, "text/event-stream": { schema: eventSchema } }
    }
  }
})

const list = (operation: Operation): Operation => ({
  ...operation,
  responses: {
    ...operation.responses,
    "200": {
      ...operation.responses["200"],
      headers: headers({
        "Koredump-Resource-Version": "A watch from here misses nothing",
        "Koredump-Unreachable":
          "Nodes whose part may be missing or old, of very many the first; absent where there are none",
        Link: "With a limit: the next page, rel=\"next\""
      })
    }
  }
})

const remove = (operation: Operation): Operation => ({
  ...operation,
  responses: {
    ...operation.responses,
    "200": { description: "Deleted", content: { "application/json": { schema: { type: "object" } } } }
  }
})

const pathItem = (path: string, { delete: deletion, get }: Readonly<Record<string, Operation>>): Json => {
  if (deletion !== undefined) return { delete: common(remove(deletion)) }
  if (get === undefined) return {}
  if (path.startsWith("/apiv1/cores/download/")) {
    const operation = common(download(get))
    return { get: operation, head: headOf(operation) }
  }
  if (path === "/apiv1/watch") return { get: common(watch(get)) }
  if (path === "/apiv1/cores") return { get: common(list(get)) }
  return { get: path === "/health" ? get : common(get) }
}

const withoutSuffix = (document: Json): Json =>
  JSON.parse(
    JSON.stringify(document).replace(/"(#\/components\/schemas\/)?(\w+)Encoded"/g, (_, prefix = "", name) =>
      `"${prefix}${name}"`)
  ) as Json

const complete = (document: Json): Json =>
  withoutSuffix({
    ...document,
    paths: Object.fromEntries(
      Object.entries(document["paths"] as Record<string, Record<string, Operation>>).map(([path, operations]) => [
        path,
        pathItem(path, operations)
      ])
    )
  })

/** The `Api` with the document of this server. */
export const documentedApi = Api.annotate(OpenApi.Transform, complete)
