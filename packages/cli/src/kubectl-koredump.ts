#!/usr/bin/env node
/** `kubectl koredump`: koredumpctl as a kubectl plugin. */
import { start } from "./start.ts"

await start({ kubectl: true })
