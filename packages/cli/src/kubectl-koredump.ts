#!/usr/bin/env node
/** `kubectl koredump`: koredumpctl as a plugin of kubectl. */
import { start } from "./start.ts"

await start({ kubectl: true })
