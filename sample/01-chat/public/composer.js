// @ts-check
import { byId, showError } from './dom.js';

/** @import { RealtimeClientError } from 'nestjs-realtime/client' */

/** The field to write in. Checks nothing: the server does, and what it says is shown. */
export class Composer {
  #form = byId('composer', HTMLFormElement);
  #input = byId('text', HTMLTextAreaElement);
  #error = byId('text-error', HTMLElement);

  /** @param {(text: string) => Promise<unknown>} send rejects with a RealtimeClientError. */
  constructor(send) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit(send);
    });
    this.#input.addEventListener('input', () => {
      showError(this.#input, this.#error, '');
    });
    this.#input.addEventListener('keydown', (event) => {
      // While an input method composes a character, Enter belongs to it.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** @param {string} room where messages go. */
  focus(room) {
    this.#input.placeholder = `Message #${room}`;
    // On a touch screen it would bring up the keyboard, unasked.
    if (matchMedia('(pointer: fine)').matches) this.#input.focus();
  }

  /** @param {(text: string) => Promise<unknown>} send */
  async #submit(send) {
    if (this.#form.ariaBusy === 'true') return;
    // Read-only rather than disabled: the cursor stays where it is.
    this.#form.ariaBusy = 'true';
    this.#input.readOnly = true;
    try {
      await send(this.#input.value);
      this.#input.value = '';
      showError(this.#input, this.#error, '');
    } catch (error) {
      showError(this.#input, this.#error, explain(/** @type {RealtimeClientError} */ (error)));
    }
    this.#form.ariaBusy = 'false';
    this.#input.readOnly = false;
  }
}

/**
 * What to tell somebody whose message was not sent. Programs branch on the code, people read words.
 *
 * @param {RealtimeClientError} error
 */
function explain({ code, details, message }) {
  switch (code) {
    case 'validation-failed':
      return [details].flat().join(' ');
    case 'timeout':
      return 'The server did not answer. Please try again.';
    case 'connection-lost':
      return 'The connection broke. Your message may or may not have arrived.';
    default:
      return message;
  }
}
