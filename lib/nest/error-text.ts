/**
 * What a logger prints of an error. Errors of another realm are not `instanceof Error`.
 *
 * A message may quote what a client sent: in it everything is escaped that could end the line, move
 * the cursor or turn the text around. The lines of the stack below it are ours.
 */
export function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('stack' in error)) {
    return escapeControls(String(error));
  }
  const stack = String(error.stack);
  const message = 'message' in error ? String(error.message) : '';
  const start = message === '' ? -1 : stack.indexOf(message);
  if (start < 0) return escapeButLines(stack);
  const end = start + message.length;
  return (
    escapeControls(stack.slice(0, start)) +
    escapeControls(message) +
    escapeButLines(stack.slice(end))
  );
}

/** Controls (C0, DEL, C1), line and paragraph separators, and the marks of bidirectional text. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

function escapeControls(text: string): string {
  return text.replace(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function escapeButLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}
