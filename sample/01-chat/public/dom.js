// @ts-check
/**
 * The element with this id, known to be of this type.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new TypeError(`#${id}: expected ${type.name}`);
}

/**
 * A new element. Whatever people wrote goes through `textContent`, so that it stays text.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {...(Node | string)} content
 * @returns {HTMLElementTagNameMap[K]}
 */
export function create(tag, className, ...content) {
  const element = document.createElement(tag);
  element.className = className;
  for (const part of content) {
    if (typeof part === 'string') element.textContent += part;
    else element.append(part);
  }
  return element;
}

/**
 * Shows what is wrong with an input, beside it; nothing if the message is empty.
 *
 * @param {HTMLInputElement | HTMLTextAreaElement} input
 * @param {HTMLElement} place
 * @param {string} message
 */
export function showError(input, place, message) {
  place.textContent = message;
  input.setAttribute('aria-invalid', String(message !== ''));
}

/** Hues that look well beside each other. */
const HUES = [15, 50, 140, 170, 215, 250, 290, 335];

/**
 * A round picture for somebody without one: the first letter on a colour of the name's own.
 *
 * @param {HTMLElement} element
 * @param {string} name
 */
export function paintAvatar(element, name) {
  const [initial = '?'] = name;
  const sum = [...name].reduce((hash, char) => (hash * 31 + (char.codePointAt(0) ?? 0)) % 9973, 0);
  element.textContent = initial.toUpperCase();
  element.style.setProperty('--hue', String(HUES[sum % HUES.length]));
}
