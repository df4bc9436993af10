/** Lets the event loop go on until it is so: for what has no event to wait for. The test's time limit ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
