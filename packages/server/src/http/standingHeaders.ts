import type { RequestInfoFields } from "./RequestInfo.ts"

/** The headers that every response has. */
export const standingHeaders = (info: RequestInfoFields): Record<string, string> => ({
  "x-request-id": info.id,
  "x-content-type-options": "nosniff",
  // For the page of /docs, which is one file with its scripts in it: it loads nothing from elsewhere.
  "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-ancestors 'none'"
})
