import { defineConfig } from "tsup"

export default defineConfig({
  entry: ["src/effect.ts", "src/index.ts", "src/node.ts"],
  format: ["esm"],
  sourcemap: true,
  clean: true,
  target: "node22",
  platform: "node"
})
