import { assert, describe, it } from "@effect/vitest"
import { type CoreChange, CoreId, type CoreSummary } from "@koredump/core"
import { WatchView } from "../../src/access/WatchView.ts"

const core = (namespace: string, resourceVersion = "a-1"): CoreSummary => ({
  id: CoreId.make("core.crashme.0.0123456789abcdef0123456789abcdef.1.1700000000000000"),
  node: "node-1",
  state: "present",
  compression: "none",
  namespace,
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  resourceVersion
})

const isVisible = ({ namespace }: CoreSummary) => namespace !== "hidden"

const applyAll = (events: ReadonlyArray<CoreChange>, tracksShown: boolean) => {
  const view = new WatchView({ isVisible, tracksShown, since: "a-0" })
  view.connect()
  return events.flatMap((event) => view.applyEvent(event))
}

describe.each([true, false])("WatchView (tracks what it has shown: %s)", (tracksShown) => {
  it("keeps a previous state that the caller can see", () => {
    const event: CoreChange = { type: "MODIFIED", object: core("shop", "a-2"), previous: core("shop") }
    assert.deepStrictEqual(applyAll([event], tracksShown), [event])
  })

  it.each<readonly [string, CoreChange]>([
    ["a core that becomes visible", { type: "MODIFIED", object: core("shop", "a-2"), previous: core("hidden") }],
    ["a core that becomes hidden", { type: "MODIFIED", object: core("hidden", "a-2"), previous: core("shop") }],
    ["a new core", { type: "ADDED", object: core("shop", "a-2"), previous: core("hidden") }],
    ["a deleted core", { type: "DELETED", object: core("shop", "a-2"), previous: core("hidden") }]
  ])("shows nothing hidden of %s", (_, event) => {
    const shown = applyAll([event], tracksShown)
    assert.lengthOf(shown, 1)
    assert.notInclude(JSON.stringify(shown), "hidden")
    assert.notProperty(shown[0], "previous")
  })

  it("drops events of hidden cores", () => {
    const event: CoreChange = { type: "MODIFIED", object: core("hidden", "a-2"), previous: core("hidden") }
    assert.deepStrictEqual(applyAll([event], tracksShown), [])
  })
})

const numbered = (i: number): CoreSummary => ({ ...core("shop"), node: `node-${i}` })

describe("a WatchView of very many cores", () => {
  const bookmark: CoreChange = { type: "BOOKMARK", object: { resourceVersion: "a-1" } }

  const replay = (view: WatchView, count: number) => {
    view.connect()
    const shown = Array.from({ length: count }, (_, i) => view.applyEvent({ type: "ADDED", object: numbered(i) }))
    return [...shown, view.applyEvent(bookmark)].flat()
  }

  it("stops tracking them, and shows them all the same", () => {
    const view = new WatchView({ isVisible, tracksShown: true })
    assert.lengthOf(replay(view, 2001), 2002)
    assert.deepStrictEqual([view.isTracking, view.isExpired], [false, false])
    const deleted: CoreChange = { type: "DELETED", object: { ...numbered(5), resourceVersion: "a-2" } }
    assert.deepStrictEqual(view.applyEvent(deleted), [deleted])
  })

  it("tracks up to 2,000", () => {
    const view = new WatchView({ isVisible, tracksShown: true })
    replay(view, 2000)
    assert.isTrue(view.isTracking)
  })

  it("expires if there are too many in the replay after permissions have changed", () => {
    const view = new WatchView({ isVisible, tracksShown: true })
    replay(view, 10)
    view.expire()
    replay(view, 2001)
    assert.isTrue(view.isExpired)
  })
})
