// @ts-check
import { Composer } from './composer.js';
import { byId, create, paintAvatar } from './dom.js';
import { RoomLog } from './room-log.js';

/** @import { StateChange } from 'nestjs-realtime/client' */
/** @import { ChatLine, ChatRoom } from '../src/chat.contract.js' */

const CONNECTION = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  connected: 'Connected',
  waiting: 'Waiting',
  closed: 'Disconnected',
};

/** A room of the list. */
class RoomEntry {
  /** Names of those who are in the room. @type {string[]} */
  members = [];
  #unread = create('span', 'unread');
  #count = 0;

  /** @param {ChatRoom} room */
  constructor(room) {
    this.room = room;
    this.log = new RoomLog(room.name);
    this.button = create('button', 'room-link', create('span', 'ellipsis', room.name));
    this.button.type = 'button';
    this.button.append(this.#unread);
  }

  /** @param {boolean} isOpen */
  show(isOpen) {
    this.log.element.hidden = !isOpen;
    this.button.ariaCurrent = isOpen ? 'true' : null;
    if (!isOpen) return;
    this.#count = 0;
    this.#unread.textContent = '';
    this.log.scrollToEnd();
  }

  /** A message came while another room was open. */
  countUnread() {
    this.#count += 1;
    const hint = create('span', 'visually-hidden', ' unread');
    this.#unread.replaceChildren(this.#count > 99 ? '99+' : String(this.#count), hint);
  }
}

/** Rooms, messages and the field to write in. Knows nothing of the network. */
export class ChatView {
  /** @type {Map<string, RoomEntry>} */
  #entries = new Map();
  #open = '';
  /** @type {(room: string, text: string) => Promise<unknown>} */
  #send = () => Promise.resolve();
  #composer = new Composer((text) => this.#send(this.#open, text));

  /**
   * @param {ChatRoom[]} rooms
   * @param {string} name
   */
  constructor(rooms, name) {
    paintAvatar(byId('my-avatar', HTMLElement), name);
    byId('my-name', HTMLElement).textContent = name;
    for (const room of rooms) this.#addRoom(room);
    byId('chat', HTMLElement).hidden = false;
    this.#openRoom(rooms[0]?.name ?? '');
  }

  /** @param {StateChange} change */
  showConnection({ state, delayMs = 0 }) {
    const place = byId('connection', HTMLElement);
    const seconds = String(Math.ceil(delayMs / 1_000));
    place.textContent =
      state === 'waiting' ? `Waiting, next try in ${seconds} s` : CONNECTION[state];
    place.dataset['state'] = state;
  }

  /**
   * @param {string} room
   * @param {ChatLine} line
   * @param {boolean} isOwn
   * @param {boolean} isNew
   */
  addLine(room, line, isOwn, isNew) {
    const entry = this.#entries.get(room);
    const wasAdded = entry?.log.addLine(line, isOwn) === true;
    if (wasAdded && isNew && room !== this.#open) entry.countUnread();
  }

  /**
   * @param {string} room
   * @param {string[]} names
   */
  showMembers(room, names) {
    const entry = this.#entries.get(room);
    if (entry === undefined) return;
    entry.members = names;
    if (room === this.#open) this.#listMembers(names);
  }

  /**
   * @param {string} room
   * @param {string} text
   */
  addNote(room, text) {
    this.#entries.get(room)?.log.addNote(text);
  }

  /** @param {(room: string, text: string) => Promise<unknown>} send rejects with a RealtimeClientError. */
  onSend(send) {
    this.#send = send;
  }

  /** @param {() => void} signOut */
  onSignOut(signOut) {
    byId('sign-out', HTMLButtonElement).addEventListener('click', signOut);
  }

  /** @param {ChatRoom} room */
  #addRoom(room) {
    const entry = new RoomEntry(room);
    entry.button.addEventListener('click', () => {
      this.#openRoom(room.name);
    });
    byId('rooms', HTMLElement).append(create('li', '', entry.button));
    byId('logs', HTMLElement).append(entry.log.element);
    this.#entries.set(room.name, entry);
  }

  /** @param {string} name */
  #openRoom(name) {
    this.#open = name;
    for (const [room, entry] of this.#entries) entry.show(room === name);
    byId('room-name', HTMLElement).textContent = name;
    byId('room-topic', HTMLElement).textContent = this.#entries.get(name)?.room.topic ?? '';
    document.title = `#${name} · Chat`;
    this.#listMembers(this.#entries.get(name)?.members ?? []);
    this.#composer.focus(name);
  }

  /** @param {string[]} names */
  #listMembers(names) {
    const items = names.map((name) => {
      const avatar = create('span', 'avatar');
      avatar.ariaHidden = 'true';
      paintAvatar(avatar, name);
      return create('li', 'member', avatar, create('span', 'ellipsis', name));
    });
    byId('members', HTMLElement).replaceChildren(...items);
  }
}
