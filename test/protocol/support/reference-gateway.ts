/** The handlers of the reference application, see `../vectors/README.md`. */
import { MessageBody, SubscribeMessage, WsException } from '@nestjs/websockets';
import { IsString } from 'class-validator';
import { map, range, type Observable } from 'rxjs';

import {
  CurrentUser,
  Idempotent,
  Public,
  RealtimeGateway,
  RequestSignal,
  RoomService,
} from '../../../lib/nest/index.js';
import { Gates } from './reference-credentials.js';
import { Visitors } from './visitors.js';

class ChatSend {
  @IsString() room!: string;
  @IsString() text!: string;
}

/** One item of `flood`: four of them are more than a stream may hold back. */
const LARGE = 'x'.repeat(100_000);

@RealtimeGateway()
export class ReferenceGateway {
  /** How often `once` and `once.slow` have run. */
  #runs = 0;

  constructor(
    private readonly rooms: RoomService,
    private readonly gates: Gates,
    private readonly visitors: Visitors,
  ) {}

  handleDisconnect(): void {
    this.visitors.notice();
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @Public()
  @SubscribeMessage('public.echo')
  publicEcho(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @SubscribeMessage('nothing')
  nothing(): void {
    // Returns nothing: an acknowledgement.
  }

  @SubscribeMessage('fail')
  fail(): never {
    throw new Error('the details are only for the log');
  }

  @SubscribeMessage('reject')
  reject(): never {
    throw new WsException('no');
  }

  @SubscribeMessage('count')
  async *count(@MessageBody() { to }: { to: number }): AsyncGenerator<number> {
    for (let item = 1; item <= to; item += 1) yield item;
  }

  @SubscribeMessage('forever')
  async *forever(@RequestSignal() signal: AbortSignal): AsyncGenerator<number> {
    yield 1;
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
  }

  @SubscribeMessage('flood')
  flood(): Observable<unknown> {
    return range(1, 10).pipe(map(() => LARGE));
  }

  @SubscribeMessage('slow')
  async slow(): Promise<unknown> {
    await this.gates.wait('slow');
    return { released: true };
  }

  @Idempotent()
  @SubscribeMessage('once')
  once(): unknown {
    this.#runs += 1;
    return { run: this.#runs };
  }

  @Idempotent()
  @SubscribeMessage('once.slow')
  async onceSlow(): Promise<unknown> {
    await this.gates.wait('once.slow');
    return this.once();
  }

  @SubscribeMessage('chat.send')
  async send(@MessageBody() { room, text }: ChatSend, @CurrentUser('id') from: string) {
    await this.rooms.publish(`chat/${room}`, 'chat.message', { text, from });
    return { sent: true };
  }
}
