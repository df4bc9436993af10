/** The fields that are not `undefined`: an absent option and one set to `undefined` mean the same. */
export function present<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}
