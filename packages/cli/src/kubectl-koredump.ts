#!/usr/bin/env node
/** `kubectl koredump`: koredumpctl as a plugin of kubectl. */
import "./v8.ts"

const { main } = await import("./program.ts")
main({ kubectl: true })
