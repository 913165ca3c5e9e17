/** The address of a server. */
interface ServerUrl {
  /** Prefix of the URL of every request, without a final slash. */
  readonly base: string
  /** The server's name in messages. */
  readonly name: string
}

/** Parses `http://…`, `https://…` or `unix:PATH`. Throws a `TypeError` if the URL is invalid. */
export const parseServerUrl = (url: string | URL): ServerUrl => {
  if (typeof url === "string" && url.startsWith("unix:")) return { base: "http://localhost", name: url }
  const { hash, href, origin, password, protocol, search, username } = new URL(url)
  if (protocol !== "http:" && protocol !== "https:") {
    throw new TypeError(`Invalid server URL ${href}: use http:// or https://.`)
  }
  if (username + password + search + hash !== "") {
    throw new TypeError(`Invalid server URL at ${origin}: remove the credentials, query or fragment.`)
  }
  const base = href.replace(/\/+$/, "")
  return { base, name: base }
}
