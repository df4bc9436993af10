import { once } from 'node:events';

import { WebSocket } from 'ws';

/** Another client, who has to be served all the time. */
export class Witness {
  static async connect(port) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/realtime`, ['realtime.v1.json']);
    await once(socket, 'open');
    socket.send('{"type":"hello","token":"witness"}');
    await once(socket, 'message');
    return new Witness(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.answers = 0;
    this.worstMs = 0;
    this.left = false;
    this.lost = once(socket, 'close').then(() => !this.left);
    this.asking = this.ask();
  }

  async ask() {
    while (!this.left && this.socket.readyState === WebSocket.OPEN) {
      const id = String(this.answers);
      const start = performance.now();
      const answered = new Promise((done) => {
        const onMessage = (data) => {
          if (JSON.parse(data).id !== id) return;
          this.socket.off('message', onMessage);
          done(true);
        };
        this.socket.on('message', onMessage);
      });
      this.socket.send(`{"type":"request","id":"${id}","event":"echo","payload":"served"}`);
      if ((await Promise.race([answered, this.lost])) !== true) return;
      if (this.socket.readyState !== WebSocket.OPEN) return;
      this.answers += 1;
      this.worstMs = Math.max(this.worstMs, performance.now() - start);
      await new Promise((next) => setTimeout(next, 10));
    }
  }

  async leave(found) {
    const wasServed = this.socket.readyState === WebSocket.OPEN;
    this.left = true;
    await this.asking;
    this.socket.close();
    if (!wasServed) found.push({ witness: 'lost its connection' });
    if (this.worstMs > 1_000) found.push({ witness: `waited ${this.worstMs} ms` });
    return { answers: this.answers, worstMs: this.worstMs };
  }
}
