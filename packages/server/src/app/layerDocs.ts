/** The documentation of the REST API: its OpenAPI document, and a page to browse it. */
import { Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiScalar, OpenApi } from "effect/http-api"
import { createHash } from "node:crypto"
import { type Asset, makeAsset, respondWithAsset } from "../http/asset.ts"
import { formatContentSecurityPolicy } from "../middleware/defaultHeaders.ts"
import { documentedApi } from "./openApi.ts"

const makeDocument = (): Promise<Asset> => makeAsset(JSON.stringify(OpenApi.fromApi(documentedApi)), "application/json")

/** Renders the page. Only this loads the script of Scalar, which has more than three megabytes. */
const renderPage = async (): Promise<string> => {
  const page = HttpApiScalar.layer(documentedApi, { path: "/docs", scalar: { withDefaultFonts: false } })
  const { dispose, handler } = HttpRouter.toWebHandler(page, { disableLogger: true })
  const response = await handler(new Request("http://localhost/docs"))
  const html = await response.text()
  await dispose()
  return html
}

const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const makePage = async (): Promise<Asset> => {
  const html = await renderPage()
  const scripts = Array.from(html.matchAll(/<script>([^]*?)<\/script>/g), ([, script]) => hash(script!))
  return makeAsset(html, "text/html; charset=utf-8", {
    // The page is a single file. Scalar adds style sheets while it runs. It also tries whether it can compile code from
    // text, and works without.
    "content-security-policy": formatContentSecurityPolicy({
      "script-src": scripts.join(" "),
      "style-src": "'unsafe-inline'",
      "img-src": "'self' data:",
      "font-src": "data:",
      "connect-src": "'self'"
    })
  })
}

/** Adds a route whose asset is made for its first request. An idle server does not have it in memory. */
const addAsset = (path: `/${string}`, make: () => Promise<Asset>) => {
  let asset: Promise<Asset> | undefined
  const load = () =>
    asset ??= make().catch((error: unknown) => {
      asset = undefined
      throw error
    })
  return HttpRouter.add("GET", path, Effect.flatMap(Effect.promise(load), respondWithAsset))
}

/** Adds `/openapi.json` and `/docs`. */
export const layerDocs: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.suspend(() =>
  Layer.merge(addAsset("/openapi.json", makeDocument), addAsset("/docs", makePage))
)
