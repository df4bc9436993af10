// @ts-check
import { create, paintAvatar } from './dom.js';

/** @import { ChatLine } from '../src/chat.contract.js' */

/** Older lines go: a page that stays open for a week should not grow for a week. */
const MAX_LINES = 1_000;
/** Messages of one sender within this time stand together. */
const GROUP_MS = 5 * 60_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/** The messages of one room. Each room has a log of its own; only the open one is shown. */
export class RoomLog {
  element = create('div', 'log');
  #list = create('ol', 'lines');
  /** Messages that are shown, by id: a state that comes anew may have some of them. @type {Set<string>} */
  #shown = new Set();
  /** @type {{ from: string, timestamp: number } | undefined} */
  #last;

  /** @param {string} room */
  constructor(room) {
    const { element } = this;
    // Screen readers announce what is added to a log, and nothing of the hidden ones.
    element.role = 'log';
    element.ariaLabel = `Messages in ${room}`;
    element.tabIndex = 0;
    element.hidden = true;
    const empty = create('p', 'empty', 'It is quiet here. ');
    empty.append(create('strong', '', `Say hello to #${room}.`));
    element.append(this.#list, empty);
  }

  /**
   * @param {ChatLine} line
   * @param {boolean} isOwn
   * @returns {boolean} whether it was not there yet.
   */
  addLine({ id, timestamp, message: { from, text } }, isOwn) {
    if (this.#shown.has(id)) return false;
    this.#shown.add(id);
    const isFollowing = this.#last?.from === from.id && timestamp - this.#last.timestamp < GROUP_MS;
    this.#last = { from: from.id, timestamp };

    const avatar = create('span', 'avatar');
    avatar.ariaHidden = 'true';
    paintAvatar(avatar, from.name);
    const time = create('time', 'time', clock.format(timestamp));
    time.dateTime = new Date(timestamp).toISOString();
    const bubble = create('div', 'bubble', create('p', 'text', text), time);
    const sender = create('p', 'sender', isOwn ? 'You' : from.name);
    const line = create('li', 'message', avatar, sender, bubble);
    line.classList.toggle('own', isOwn);
    line.classList.toggle('following', isFollowing);
    line.dataset['id'] = id;
    this.#append(line, isOwn);
    return true;
  }

  /** @param {string} text */
  addNote(text) {
    // Said once is enough, however often the connection breaks.
    if (this.#list.lastElementChild?.className === 'note') return;
    this.#last = undefined;
    this.#append(create('li', 'note', text), false);
  }

  scrollToEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  /**
   * @param {HTMLElement} line
   * @param {boolean} isOwn
   */
  #append(line, isOwn) {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    // Whoever reads further up is not to be pulled down.
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 80;
    this.#list.append(line);
    if (this.#list.childElementCount > MAX_LINES) this.#dropOldest();
    if (isAtEnd || isOwn) this.scrollToEnd();
  }

  #dropOldest() {
    const oldest = this.#list.firstElementChild;
    if (!(oldest instanceof HTMLElement)) return;
    this.#shown.delete(oldest.dataset['id'] ?? '');
    oldest.remove();
  }
}
