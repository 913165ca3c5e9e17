/** Formats sizes, durations and times. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

/** `512 B`, `73.4 KiB`, `2 GiB`. */
export const formatBytes = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  const rounded = unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10
  // 1023.96 KiB rounds up to 1024 KiB, which is 1 MiB.
  return rounded >= 1024 && unit < units.length - 1 ? `1 ${units[unit + 1]}` : `${rounded} ${units[unit]}`
}

/** A duration in one unit, like AGE in kubectl: `42s`, `7m`, `3h`, `5d`, `2y`. */
export const formatAge = (seconds: number): string => {
  if (seconds < 0) return "0s"
  if (seconds < 120) return `${Math.floor(seconds)}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`
  if (seconds < 63_072_000) return `${Math.floor(seconds / 86_400)}d`
  return `${Math.floor(seconds / 31_536_000)}y`
}

const two = (value: number) => String(value).padStart(2, "0")

/** Remaining time: `0:07`, `12:30`, `1:02:03`. */
export const formatClock = (seconds: number): string => {
  const whole = Math.ceil(seconds)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** Milliseconds since 1970 in the local time zone: `2026-11-23 09:12:44`. */
export const formatLocalTime = (millis: number): string => {
  const date = new Date(millis)
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** The offset of the local time zone from UTC at that time: `+01:00`. */
export const formatOffset = (millis: number): string => {
  const minutes = -new Date(millis).getTimezoneOffset()
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`
}
