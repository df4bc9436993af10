import { ConnectedSocket, SubscribeMessage } from '@nestjs/websockets';
import { RealtimeGateway, type RealtimeConnection } from 'nestjs-realtime';

import type { Whereabouts } from './cluster.contract.js';
import { settings } from './settings.js';

@RealtimeGateway()
export class NodeGateway {
  /** Tells clients which node has their connection, and where they come from. */
  @SubscribeMessage('node.where')
  where(@ConnectedSocket() { ip }: RealtimeConnection): Whereabouts {
    return { name: settings.name, pid: process.pid, address: ip };
  }
}
