import { SetMetadata } from '@nestjs/common';

/** Metadata key of what anonymous sessions may reach. */
export const REALTIME_PUBLIC_METADATA = 'realtime:public';

/**
 * Opens a handler, a gateway or a room class to clients that showed no token. Only has an effect with
 * `auth.allowAnonymous`; without it such clients do not get in at all.
 */
export const Public = (): ClassDecorator & MethodDecorator =>
  SetMetadata(REALTIME_PUBLIC_METADATA, true);
