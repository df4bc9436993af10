/** Whether the text takes more bytes in UTF-8, which has 1 to 3 for a UTF-16 unit. */
export function isLonger(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes;
}
