import type { RequestInfoFields } from "./RequestInfo.ts"

/** Formats a policy that forbids everything except what these directives allow. */
export const formatContentSecurityPolicy = (allowed: Readonly<Record<string, string>>): string =>
  Object.entries({
    "default-src": "'none'",
    ...allowed,
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'"
  }).map(([name, value]) => `${name} ${value}`).join("; ")

const contentSecurityPolicy = formatContentSecurityPolicy({})

/** Makes the headers of every response. */
export const makeDefaultHeaders = (info: RequestInfoFields): Record<string, string> => ({
  "x-request-id": info.id,
  "x-content-type-options": "nosniff",
  "content-security-policy": contentSecurityPolicy
})
