import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';

import type { RoomOptions } from './room-options.interface.js';

/** Metadata key of a room class's {@link RoomDefinition}. */
export const REALTIME_ROOM_METADATA = 'realtime:room';

/** What `@RealtimeRoom()` keeps. */
export interface RoomDefinition {
  readonly pattern: string;
  readonly options: RoomOptions;
}

/**
 * Declares rooms that clients may be in, as far as the class (see `RoomPolicy`) lets them. The class
 * is a provider: list it under `providers`, inject what you like.
 *
 * @param pattern segments joined by `/`: a literal, `:name` for any one segment, or `*` as the last
 * for one or more. Of several that match, the most specific wins: a literal before a parameter before
 * `*`, from left to right. Two that are equally specific fail at start-up, as do wrong options.
 */
export function RealtimeRoom(pattern: string, options: RoomOptions = {}): ClassDecorator {
  const definition: RoomDefinition = { pattern, options };
  return applyDecorators(Injectable(), SetMetadata(REALTIME_ROOM_METADATA, definition));
}
