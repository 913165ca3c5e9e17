/**
 * Longest bearer token. OIDC tokens with many groups have more than 8 KiB. All headers of a request together have at most
 * 16 KiB, which leaves 4 KiB for the others.
 */
export const maxTokenLength = 12 * 1024

const tokenPattern = /^[\x21-\x7e]+$/

/** Whether a text can be a bearer token: visible ASCII characters only, as in an HTTP header, and not too many. */
export const isBearerToken = (text: string): boolean => text.length <= maxTokenLength && tokenPattern.test(text)

const loopbackPattern = /^(?:localhost|127(?:\.(?:0|[1-9]\d{0,2})){3}|::1|\[::1\])$/i

/** Whether a host name or address (without a port) is this machine's loopback interface. */
export const isLoopbackHost = (host: string): boolean => loopbackPattern.test(host)
