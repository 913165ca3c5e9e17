// Copies koredumpctl to the node. The rename makes sure that the file is complete. A failure is logged, and the node agent
// starts anyway.
import { chmodSync, copyFileSync, renameSync } from "node:fs"

const target = "/host/usr/local/bin/koredumpctl"
try {
  copyFileSync("/usr/local/bin/koredumpctl", `${target}.new`)
  chmodSync(`${target}.new`, 0o755)
  renameSync(`${target}.new`, target)
  process.stdout.write("koredumpctl installed in /usr/local/bin\n")
} catch (error) {
  process.stderr.write(`koredumpctl not installed in /usr/local/bin: ${error.message}\n`)
}
