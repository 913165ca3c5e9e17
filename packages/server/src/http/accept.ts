/** The `Accept` header (RFC 9110, section 12.5.1). */

/** Parses the header into the weight (0 to 1) of each media range. Default: all media types. */
export const parseAccept = (header = "*/*"): ReadonlyMap<string, number> =>
  new Map(
    header.split(",").map((part) => {
      const [range = "", ...params] = part.toLowerCase().split(";").map((text) => text.trim())
      const weight = params.map((param) => /^q=([01](?:\.\d{0,3})?)$/.exec(param)?.[1]).find((q) => q !== undefined)
      return [range, weight === undefined ? 1 : Number(weight)] as const
    })
  )

/** The weight of a media type: that of the most specific range that includes it, else 0. */
export const getQuality = (accepted: ReadonlyMap<string, number>, type: string): number =>
  accepted.get(type) ?? accepted.get(type.replace(/\/.*/, "/*")) ?? accepted.get("*/*") ?? 0
