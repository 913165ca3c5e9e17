/** The program of the one file; as `kubectl-koredump` (a link is enough) it is kubectl's plugin. */
import { basename } from "node:path"
import { start } from "../src/start.ts"

void start({ kubectl: basename(process.argv0) === "kubectl-koredump" })
