/** The start of the one file: all else is in its assets. */
import { getRawAsset } from "node:sea"
import { load } from "./load.ts"

const code = Buffer.from(getRawAsset("program.cache"))
// The bundle is ASCII, which V8 keeps as it is.
load(Buffer.from(getRawAsset("program.js")).toString("latin1"), code.length === 0 ? undefined : code)
