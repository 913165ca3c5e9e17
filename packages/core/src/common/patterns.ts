/** Longest bearer token that a server accepts in a header. */
export const maxTokenLength = 8192

const tokenPattern = /^[\x21-\x7e]+$/

/** Whether a text can be a bearer token: visible ASCII characters only, as in an HTTP header, and not too many. */
export const isBearerToken = (text: string, maxLength = maxTokenLength): boolean =>
  text.length <= maxLength && tokenPattern.test(text)

const loopbackPattern = /^(?:localhost|127(?:\.(?:0|[1-9]\d{0,2})){3}|::1|\[::1\])$/i

/** Whether a host name or address (without a port) is this machine's loopback interface. */
export const isLoopbackHost = (host: string): boolean => loopbackPattern.test(host)
