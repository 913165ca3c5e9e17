/** The program of the single file. A link to it named `kubectl-koredump` is a kubectl plugin. */
import { basename } from "node:path"
import { start } from "../src/start.ts"

void start({ kubectl: basename(process.argv0) === "kubectl-koredump" })
