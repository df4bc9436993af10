import { Catch, type ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter } from '@nestjs/websockets';

import { MessageContext } from './message-context.js';

/**
 * The last filter of every gateway: notes what was thrown, so that the request is answered by an
 * error under its id. Filters of the application come first. Messages of another adapter get Nest's
 * own treatment.
 */
@Catch()
export class DefaultExceptionFilter extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    const context = MessageContext.of(host);
    if (context === undefined) super.catch(exception, host);
    else context.failure = { error: exception };
  }
}
