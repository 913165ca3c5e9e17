import type { RequestInfoFields } from "./RequestInfo.ts"

/** Makes the headers of every response. */
export const makeDefaultHeaders = (info: RequestInfoFields): Record<string, string> => ({
  "x-request-id": info.id,
  "x-content-type-options": "nosniff",
  // For /docs, a single file with inline scripts that loads nothing from other sites.
  "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"
})
