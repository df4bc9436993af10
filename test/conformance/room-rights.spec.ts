import 'reflect-metadata';

import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import {
  REALTIME_OBSERVER,
  REALTIME_OPTIONS,
  RealtimeRoom,
  type RoomPolicy,
} from '../../lib/index.js';
import { resolveOptions } from '../../lib/nest/options/resolve-options.js';
import { RoomRegistry } from '../../lib/nest/rooms/room-registry.js';
import { RecordingObserver } from '../support/fakes.js';
import { roomRightsChecks, type RightsWorld } from './room-rights.suite.js';
import { runSuite } from './suite.js';

/** A registry over one room class, whose answers the suite decides. */
async function make(): Promise<RightsWorld> {
  let answer: boolean | Error = true;
  const say = (): boolean => {
    if (answer instanceof Error) throw answer;
    return answer;
  };

  @RealtimeRoom('open', { events: { said: true } })
  class OpenRooms implements RoomPolicy {
    canSubscribe = say;
    canSeePresence = say;
    canReadHistory = say;
    canPublish = say;
  }

  const module = await Test.createTestingModule({
    imports: [DiscoveryModule],
    providers: [
      OpenRooms,
      RoomRegistry,
      { provide: REALTIME_OBSERVER, useClass: RecordingObserver },
      { provide: REALTIME_OPTIONS, useValue: resolveOptions({}) },
    ],
  }).compile();
  const directory = module.get(RoomRegistry);
  directory.explore();
  return {
    directory,
    answer: (next) => {
      answer = next;
    },
    dispose: () => module.close(),
  };
}

runSuite('RoomRegistry as room rights', roomRightsChecks, make);
