import { assert, describe, it } from "@effect/vitest"
import { apiRoutes } from "../../src/middleware/routes.ts"

describe("apiRoutes", () => {
  it.each(
    [
      ["/apiv1/cores", ["GET", "HEAD"], "/apiv1/cores"],
      ["/APIv1/cores/", ["GET", "HEAD"], "/apiv1/cores"],
      ["//apiv1//cores//", ["GET", "HEAD"], "/apiv1/cores"],
      ["/apiv1/cores/metadata/n/id", ["GET", "HEAD"], "/apiv1/cores/metadata/:node/:id"],
      ["/apiv1/cores/metadata/id", ["GET", "HEAD"], "/apiv1/cores/metadata/:id"],
      ["/apiv1/cores/delete/n/id", ["DELETE"], "/apiv1/cores/delete/:node/:id"],
      ["/openapi.json", ["GET", "HEAD"], "/openapi.json"],
      ["/openapi-json", [], undefined],
      ["/apiv1/cores/delete/a/b/c", [], undefined],
      ["/apiv1", [], undefined],
      ["", [], undefined],
      ["*", [], undefined]
    ] as const
  )("%s", (path, methods, name) => {
    assert.deepStrictEqual(apiRoutes.findMethods(path), methods)
    assert.strictEqual(apiRoutes.findPattern(path), name)
  })
})
