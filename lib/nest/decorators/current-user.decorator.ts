import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/**
 * Injects the user of the connection into a handler's parameter, or one property of it:
 * `@CurrentUser() user: User`, `@CurrentUser('id') userId: string`. In an HTTP handler it is
 * `request.user`.
 */
export const CurrentUser = createParamDecorator(
  (property: string | undefined, context: ExecutionContext): unknown => {
    const { user } =
      context.getType() === 'ws'
        ? context.switchToWs().getClient<{ user?: object }>()
        : context.switchToHttp().getRequest<{ user?: object }>();
    return property === undefined
      ? user
      : (user as Record<string, unknown> | undefined)?.[property];
  },
);
