import { applyDecorators, SetMetadata } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';

/** Metadata key of classes that belong to this module whatever other adapters there are. */
export const REALTIME_GATEWAY_METADATA = 'realtime:gateway';

/**
 * Stands for a path in Nest's registry of socket servers, so that our gateways never share an entry
 * with those of another adapter. It is no path: the real one comes from the module's options.
 */
export const REALTIME_SERVER_KEY = 'nestjs-realtime';

/**
 * Marks a class whose `@SubscribeMessage()` methods answer requests. The same as
 * `@WebSocketGateway()` in an app that has no other WebSocket adapter.
 */
export function RealtimeGateway(): ClassDecorator {
  return applyDecorators(
    WebSocketGateway({ path: REALTIME_SERVER_KEY }),
    SetMetadata(REALTIME_GATEWAY_METADATA, true),
  );
}
