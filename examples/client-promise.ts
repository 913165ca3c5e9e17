// Run with: npx node --conditions=@koredump/source examples/client-promise.ts [URL]
import { createKoredump, safeFileName } from "@koredump/client"
import { downloadTo } from "@koredump/client/node"

await using koredump = createKoredump({ url: process.argv[2] ?? "http://127.0.0.1:5000" })

// A list ends with the newest core dump.
const list = await koredump.list()
const newest = list.cores.at(-1)
console.log(`${list.cores.length} core dumps`, newest?.title ?? newest?.id ?? "")

if (newest !== undefined) {
  const { stored } = await downloadTo(koredump, newest, safeFileName(newest.id))
  console.log(`${stored?.path}: ${stored?.size} bytes`)
}

// The watch starts where the list ends, so no crash is missed.
const signal = AbortSignal.timeout(10_000)
try {
  for await (const event of koredump.watch({ resourceVersion: list.resourceVersion }, { signal })) {
    if (event.type === "BOOKMARK") continue
    console.log(event.type, event.object.title ?? event.object.id)
    break
  }
} catch (error) {
  if (!signal.aborted) throw error
  console.log("No crash within ten seconds.")
}
