/** The `Accept` header (RFC 9110, 12.5.1). */

/** How much (0 to 1) a client wants each range of media types that it names; any, where it names none. */
export const parseAccept = (header = "*/*"): ReadonlyMap<string, number> =>
  new Map(
    header.split(",").map((part) => {
      const [range = "", ...params] = part.toLowerCase().split(";").map((text) => text.trim())
      const weight = params.map((param) => /^q=([01](?:\.\d{0,3})?)$/.exec(param)?.[1]).find((q) => q !== undefined)
      return [range, weight === undefined ? 1 : Number(weight)] as const
    })
  )

/** How much a type is wanted: the narrowest range that it falls into decides. */
export const qualityOf = (accepted: ReadonlyMap<string, number>, type: string): number =>
  accepted.get(type) ?? accepted.get(type.replace(/\/.*/, "/*")) ?? accepted.get("*/*") ?? 0
