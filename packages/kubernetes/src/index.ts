/** koredump on Kubernetes: which nodes there are, who asks, who may, and which pod crashed. */
export {}
