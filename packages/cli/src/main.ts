#!/usr/bin/env node
/** `koredumpctl`: sets up V8, then loads the program. */
import "./v8.ts"

const { main } = await import("./program.ts")
main()
