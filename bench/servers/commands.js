/** How the processes of a benchmark talk: commands by name, answered where they have an id. */

/**
 * Does what the process that started this one commands, and ends when that one is gone.
 *
 * @param {Map<string, (rest: object) => unknown>} commands by name.
 */
export function obey(commands) {
  process.on('message', async ({ id, command, ...rest }) => {
    try {
      const result = await commands.get(command)(rest);
      // A burst is answered by its deliveries; an answer here would be work beside what is measured.
      if (id !== undefined) process.send({ id, result });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.on('disconnect', () => process.exit(0));
}

/** Commands to other processes that wait for their answers. */
export class Questions {
  #waiting = new Map();
  #nextId = 1;

  /** Resolves to the answer. */
  ask(to, message) {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      to.send({ id, ...message });
    });
  }

  /** Takes an answer. False if nobody waits for it: then it can only be a burst that failed. */
  answered({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return false;
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error));
    return true;
  }
}
