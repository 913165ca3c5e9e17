#!/usr/bin/env node
/** `koredumpctl` */
import { start } from "./start.ts"

await start()
