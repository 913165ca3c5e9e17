/** Addresses to listen on, as settings have them. */
import { Result } from "effect"

/** A TCP address, or the path of a Unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly loopback: boolean }
  | { readonly path: string; readonly loopback: true }

const isLoopback = (host: string) =>
  host === "localhost" || host === "::1" || /^127(?:\.(?:0|[1-9]\d{0,2})){3}$/.test(host)

/** Reads `HOST:PORT`, `[::1]:PORT`, `:PORT` (all addresses) or `unix:PATH`; fails with a sentence. */
export const parseListenAddress = (text: string): Result.Result<ListenAddress, string> => {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length)
    return path === "" ? Result.fail("unix: needs a path") : Result.succeed({ path, loopback: true })
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    return Result.fail(`"${text}" is no address: use HOST:PORT, [ADDRESS]:PORT or unix:PATH`)
  }
  const host = match[1] ?? (match[2] === "" ? "0.0.0.0" : match[2]!)
  return Result.succeed({ host, port, loopback: isLoopback(host) })
}
