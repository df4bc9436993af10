import { Controller, Get } from '@nestjs/common';

import type { Place } from './cluster.contract.js';
import { settings } from './settings.js';

@Controller('node')
export class NodeController {
  /** Says which node answers. The proxy asks each one whether it is there. */
  @Get()
  where(): Place {
    return { name: settings.name, pid: process.pid };
  }
}
