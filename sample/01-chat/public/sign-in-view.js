// @ts-check
import { byId, showError } from './dom.js';

/**
 * Asks for a name until one is good.
 *
 * @param {(name: string) => Promise<unknown>} signIn rejects with what is to be shown.
 * @returns {Promise<void>} settles when somebody is signed in.
 */
export function showSignIn(signIn) {
  const screen = byId('welcome', HTMLElement);
  const form = byId('sign-in', HTMLFormElement);
  const input = byId('name', HTMLInputElement);
  const error = byId('name-error', HTMLElement);
  screen.hidden = false;
  input.focus();
  input.addEventListener('input', () => {
    showError(input, error, '');
  });
  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      signIn(input.value).then(
        () => {
          screen.hidden = true;
          resolve();
        },
        (/** @type {Error} */ reason) => {
          // `fetch` fails with a TypeError when there is no server to ask.
          const isOffline = reason instanceof TypeError;
          showError(input, error, isOffline ? 'The server cannot be reached.' : reason.message);
          input.focus();
        },
      );
    });
  });
}
