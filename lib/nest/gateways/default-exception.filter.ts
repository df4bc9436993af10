import { Catch, Logger, type ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter } from '@nestjs/websockets';

import { RealtimeConnection } from '../connection/realtime-connection.js';
import { errorText } from '../error-text.js';
import { MessageContext } from './message-context.js';

/**
 * The last filter of every gateway: notes what was thrown, so that the request is answered by an
 * error under its id. Filters of the application come first. Messages of another adapter get Nest's
 * own treatment.
 *
 * It also gets what keeps a request-scoped gateway from being made for a new connection.
 */
@Catch()
export class DefaultExceptionFilter extends BaseWsExceptionFilter {
  readonly #logger = new Logger('Realtime');

  override catch(exception: unknown, host: ArgumentsHost): void {
    const context = MessageContext.of(host);
    if (context === undefined) this.#catchOther(exception, host);
    else context.failure = { error: exception };
  }

  #catchOther(exception: unknown, host: ArgumentsHost): void {
    const client: unknown = host.switchToWs().getClient();
    if (client instanceof RealtimeConnection) {
      this.#logger.error('a request-scoped gateway could not be made', errorText(exception));
      client.fail();
    } else {
      super.catch(exception, host);
    }
  }
}
