declare module "postject" {
  /** Adds a resource to an executable file. */
  export const inject: (
    file: string,
    resource: string,
    data: Buffer,
    options: { readonly sentinelFuse: string }
  ) => Promise<void>
}
