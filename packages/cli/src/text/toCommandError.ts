import { CoreId, Problem } from "@koredump/core"
import { Effect, Schema } from "effect"
import { type CommandError, failed, notAllowed, notFound, usage } from "./CommandError.ts"
import { escapeHidden, quoteForShell } from "./escape.ts"
import { toSentence } from "./sentence.ts"

/** Whether an error is a problem of a core source. */
export const isProblem = Schema.is(Problem)

const isCoreId = Schema.is(CoreId)

/** The command that shows a crash. Undefined if the server sent something else than a core ID, for example an option. */
const infoHint = (id: string): string | undefined => {
  const word = isCoreId(id) ? quoteForShell(id) : undefined
  return word === undefined ? undefined : `Show what is known about the crash with: koredumpctl info ${word}`
}

/** Detail of a problem as a further sentence. Empty if there is none. */
const furtherText = ({ detail }: { readonly detail?: string }) =>
  detail === undefined ? "" : ` ${toSentence(escapeHidden(detail))}`

const problemText = (problem: Problem) => {
  const { detail, title } = problem as { readonly detail?: string; readonly title: string }
  return toSentence(escapeHidden(detail ?? title))
}

const coreName = (problem: { readonly node?: string; readonly id: string }) =>
  escapeHidden(problem.node === undefined ? problem.id : `${problem.id} on node ${problem.node}`)

/** The codes of Node.js for certificates that it does not accept. */
const certificateError = /\((?:[A-Z_]*CERT[A-Z_]*|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)/

/** The codes of Node.js for servers that it cannot connect to. */
const connectionError = /\(E[A-Z_]+\)/

const serverHint = (text: string) =>
  certificateError.test(text)
    ? "Pass the CA certificate with --certificate-authority FILE, and use a host name that the certificate contains."
    : text.includes("(EPROTO)")
    ? "Check whether the server uses HTTPS. If not, use an http:// URL."
    : text.includes("(ENOTFOUND)")
    ? "Check the host name in the URL."
    : connectionError.test(text)
    ? "Check that the server is running. Use --server URL for another server, or --local for the cores of this host."
    : "Check that the URL belongs to a koredump server, and that the server is running."

/** A problem of a core source as an error of the command line. */
export const toCommandError = (problem: Problem): CommandError => {
  const text = problemText(problem)
  switch (problem._tag) {
    case "InvalidQuery":
      return usage(text.replace(/^Parameter (?=\S)/, "Flag --"), "See: koredumpctl list --help")
    case "Unauthorized":
      return notAllowed(
        `Authentication required (401).${furtherText(problem)}`,
        "Pass a valid token with --token or KOREDUMP_TOKEN."
      )
    case "Forbidden":
      return notAllowed(`Forbidden (403).${furtherText(problem)}`, "Ask your administrator for this permission.")
    case "DeletionDisabled":
      return notAllowed(text, "Start the server with --allow-delete to allow deletion.")
    case "CoreNotFound":
      return notFound(`Core not found: ${coreName(problem)}.`, "List the cores with: koredumpctl list")
    case "CoreNotStored":
      return notFound(
        `No core is stored for this crash: ${coreName(problem)}.${furtherText(problem)}`,
        infoHint(problem.id)
      )
    case "RouteNotFound":
      return failed(
        `The server does not support this request (404).${furtherText(problem)}`,
        // The detail says whether the URL is the problem.
        `Check the ${problem.detail === undefined ? "URL and the " : ""}version of the server.`
      )
    case "NodeFailed":
    case "NodeTimeout":
      return failed(
        text,
        problem.node === undefined
          ? serverHint(text)
          : "Other nodes may be reachable. Try again, or select a node with --node."
      )
    case "ServerBusy":
    case "TooManyDownloads":
    case "TooManyRequests":
    case "TooManyWatches":
      return failed(text, "Try again later.")
    case "NotReady":
      // The server may be starting, or it may lack a permission and never become ready.
      return failed(text, "Try again in a minute. If the error persists, check the server's log.")
    default:
      return failed(text)
  }
}

/** Turns problems of the core source into errors of the command line. */
export const explainProblems = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Exclude<E, Problem> | CommandError, R> =>
  Effect.mapError(
    effect,
    (error): Exclude<E, Problem> | CommandError =>
      isProblem(error) ? toCommandError(error) : error as Exclude<E, Problem>
  )
