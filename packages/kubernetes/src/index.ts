/** koredump on Kubernetes: which nodes there are, who asks, who may, and which pod crashed. */

/** The API group of the virtual resources that permissions are given on: `coredumps`, `nodecoredumps`. */
export const apiGroup = "koredump.dev"
