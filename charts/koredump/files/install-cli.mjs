// Puts koredumpctl where the users of the node find it. The name is there only when the file is whole. Where it cannot
// be put there, that is said, and the node is served all the same.
import { chmodSync, copyFileSync, renameSync } from "node:fs"

const target = "/host/usr/local/bin/koredumpctl"
try {
  copyFileSync("/usr/local/bin/koredumpctl", `${target}.new`)
  chmodSync(`${target}.new`, 0o755)
  renameSync(`${target}.new`, target)
  process.stdout.write("koredumpctl is in /usr/local/bin of this node\n")
} catch (error) {
  process.stderr.write(`koredumpctl could not be put into /usr/local/bin of this node: ${error.message}\n`)
}
