/** What a logger prints of an error. Errors of another realm are not `instanceof Error`. */
export function errorText(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'stack' in error) return String(error.stack);
  return String(error);
}
