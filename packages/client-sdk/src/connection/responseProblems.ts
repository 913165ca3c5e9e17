/** Problems for all failures between the client and a server. */
import {
  BadRequest,
  errorCode,
  Forbidden,
  type JsonLimits,
  NodeFailed,
  NodeTimeout,
  parseBoundedJson,
  type Problem,
  problemFromJson,
  toSingleLine,
  Unauthorized
} from "@koredump/core"
import { Option, Result } from "effect"
import type { HttpClientError, HttpClientResponse } from "effect/http"

/** Makes problems whose `detail` names one server. */
export interface ServerProblems {
  /** The server sent something that is not allowed. `what` continues the sentence after the server's name. */
  readonly invalidResponse: (what: string) => NodeFailed
  readonly timedOut: () => NodeTimeout
  /** A request could not be sent. */
  readonly notSent: (error: HttpClientError.HttpClientError) => Problem
  /** The connection broke within a response. */
  readonly connectionLost: (reason: string) => NodeFailed
  /** A response with a status other than 2xx. `text` is the beginning of its body. */
  readonly fromResponse: (
    response: HttpClientResponse.HttpClientResponse,
    text: string,
    limits: JsonLimits
  ) => Problem
}

/** The error code or message of a failed request, without its stack. */
export const toReason = ({ reason }: HttpClientError.HttpClientError): string =>
  errorCode(reason.cause) ?? (reason.cause instanceof Error ? toSingleLine(reason.cause.message) : reason._tag)

/** `name` is the server's address. */
export const makeServerProblems = (name: string): ServerProblems => {
  const invalidResponse = (what: string) => new NodeFailed({ detail: `${name} ${what}` })

  const fromRedirect = (location: string | undefined) =>
    invalidResponse(
      `redirects${
        location === undefined ? "" : ` to ${toSingleLine(location)}`
      }. Redirects are not followed: use the final URL.`
    )

  return {
    invalidResponse,
    timedOut: () => new NodeTimeout({ detail: `Timed out waiting for ${name}.` }),
    notSent: (error) =>
      error.reason._tag === "InvalidUrlError"
        ? new BadRequest({ detail: `The request has no valid URL on ${name}.` })
        : new NodeFailed({ detail: `Cannot reach ${name} (${toReason(error)}).` }),
    connectionLost: (reason) => new NodeFailed({ detail: `The connection to ${name} was lost (${reason}).` }),
    fromResponse: ({ headers, status }, text, limits) => {
      const location = headers["location"]
      // Browsers hide the status of a redirect that is not followed.
      if (status === 0 || (status < 400 && location !== undefined)) return fromRedirect(location)
      if (status < 400) return invalidResponse(`returned the unexpected status ${status}. Check the URL.`)
      const problem = Option.flatMap(Result.getSuccess(parseBoundedJson(text, limits)), problemFromJson)
      if (Option.isSome(problem)) return problem.value
      const detail = `${name} returned status ${status}${text === "" ? "." : `: ${toSingleLine(text)}`}`
      if (status === 401) return new Unauthorized({ detail })
      if (status === 403) return new Forbidden({ detail })
      return new NodeFailed({ detail })
    }
  }
}
