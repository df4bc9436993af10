import { describe, expect, it } from '@jest/globals';

import type { Clock } from '../../lib/core/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { DEFAULT_HEARTBEAT } from '../../lib/transport/index.js';
import { Heartbeat, type Watched } from '../../lib/transport/heartbeat.js';

/** A link that notes what is done to it, in seconds since the start. */
class FakeLink implements Watched {
  lastHeardAt: number;
  isPaused = false;
  waitingSince = 0;
  pingedAt = 0;
  bytesAtPing: number | undefined;
  readonly stream = { bytesRead: 0 };
  answers = false;
  readonly pings: number[] = [];
  readonly silences: number[] = [];
  readonly stuckAt: number[] = [];
  readonly #start: number;

  constructor(private readonly clock: Clock) {
    this.#start = clock.now();
    this.lastHeardAt = this.#start;
  }

  hear(): void {
    this.lastHeardAt = this.clock.now();
  }

  ping(): void {
    this.pings.push(this.#seconds());
    if (this.answers) this.hear();
  }

  silent(): void {
    this.silences.push(this.#seconds());
  }

  stuck(): void {
    this.stuckAt.push(this.#seconds());
  }

  #seconds(): number {
    return (this.clock.now() - this.#start) / 1_000;
  }
}

function make(): { clock: ManualClock; heartbeat: Heartbeat; link: FakeLink } {
  const clock = new ManualClock();
  const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT);
  const link = new FakeLink(clock);
  heartbeat.watch(link);
  return { clock, heartbeat, link };
}

describe('heartbeat', () => {
  it('pings after the interval, once, and gives up at the timeout', () => {
    const { clock, heartbeat, link } = make();
    clock.advance(120_000);
    expect(link.pings).toEqual([30]);
    expect(link.silences).toEqual([45]);
    expect([heartbeat.size, clock.waiting]).toEqual([0, 0]);
  });

  it('takes any traffic for life', () => {
    const { clock, link } = make();
    for (let second = 0; second < 600; second += 20) {
      link.hear();
      clock.advance(20_000);
    }
    expect([link.pings, link.silences]).toEqual([[], []]);
  });

  it('goes on pinging a peer that answers within the same millisecond', () => {
    const { clock, link } = make();
    link.answers = true;
    clock.advance(300_000);
    expect(link.pings).toHaveLength(10);
    expect(link.silences).toEqual([]);
  });

  it('does not blame a peer for the time in which we did not read', () => {
    const { clock, link } = make();
    link.isPaused = true;
    clock.advance(600_000);
    expect([link.pings, link.silences]).toEqual([[], []]);
    link.isPaused = false;
    link.hear();
    clock.advance(44_000);
    expect(link.silences).toEqual([]);
    clock.advance(4_000);
    expect(link.silences).toHaveLength(1);
  });

  it('has one timer for all links, and none for no link', () => {
    const clock = new ManualClock();
    const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT);
    const links = Array.from({ length: 500 }, () => new FakeLink(clock));
    expect(clock.waiting).toBe(0);
    for (const link of links) heartbeat.watch(link);
    expect(clock.waiting).toBe(1);
    clock.advance(10_000);
    expect(clock.waiting).toBe(1);
    for (const link of links) heartbeat.forget(link);
    expect([heartbeat.size, clock.waiting]).toEqual([0, 0]);
    heartbeat.watch(links[0] as FakeLink);
    expect(clock.waiting).toBe(1);
  });

  it('may be told of the end of a link from within its sweep', () => {
    const { clock, heartbeat, link } = make();
    link.silent = () => {
      heartbeat.forget(link);
      heartbeat.watch(new FakeLink(clock));
    };
    clock.advance(60_000);
    expect([heartbeat.size, clock.waiting]).toEqual([1, 1]);
  });

  it('gives up a link that it pinged late only after the same time for an answer', () => {
    const { clock, link } = make();
    link.isPaused = true;
    clock.advance(60_000);
    // Nothing was read and nothing asked: silent for a minute, but never pinged.
    link.isPaused = false;
    clock.advance(2_500);
    expect([link.pings, link.silences]).toEqual([[62.5], []]);
    clock.advance(12_500);
    expect(link.silences).toEqual([]);
    clock.advance(2_500);
    expect(link.silences).toEqual([77.5]);
  });

  describe('in a process that slept', () => {
    /** A clock whose callbacks come when the test says so, however late. */
    class SleepyClock implements Clock {
      time = 1_000_000;
      alarms: (() => void)[] = [];

      now(): number {
        return this.time;
      }

      after(_: number, callback: () => void): () => void {
        this.alarms.push(callback);
        return () => undefined;
      }

      /** Lets so much time pass, then runs what is due. */
      wake(ms: number): void {
        this.time += ms;
        for (const alarm of this.alarms.splice(0)) alarm();
      }
    }

    it('N-05 reads what came meanwhile before it gives anybody up', () => {
      const clock = new SleepyClock();
      const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT);
      const [alive, dead] = [new FakeLink(clock), new FakeLink(clock)];
      for (const link of [alive, dead]) heartbeat.watch(link);
      while (alive.pings.length === 0) clock.wake(2_500);
      clock.wake(60_000);
      expect([alive.silences, dead.silences]).toEqual([[], []]);
      // The next turn reads the pong that had been waiting in the socket.
      alive.hear();
      clock.wake(2_500);
      expect(alive.silences).toEqual([]);
      expect(dead.silences).toHaveLength(1);
    });

    it('N-02 pings those that it could not ask, instead of giving them up', () => {
      const clock = new SleepyClock();
      const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT);
      const link = new FakeLink(clock);
      heartbeat.watch(link);
      clock.wake(300_000);
      clock.wake(2_500);
      expect(link.pings).toHaveLength(1);
      expect(link.silences).toEqual([]);
    });

    it('gives up a dead peer although it is late each time', () => {
      const clock = new SleepyClock();
      const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT);
      const link = new FakeLink(clock);
      heartbeat.watch(link);
      for (let sweep = 0; sweep < 10; sweep += 1) clock.wake(20_000);
      expect(link.silences).toHaveLength(1);
    });
  });
});
