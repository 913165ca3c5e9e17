/** The environment variable of a flag: `KOREDUMP_COREDUMP_DIR` for `--coredump-dir`. */
export const variableName = (flag: string): string => `KOREDUMP_${flag.toUpperCase().replaceAll("-", "_")}`
