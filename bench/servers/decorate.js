/** Decorators without a compiler: what TypeScript would emit for a decorated method. */

/**
 * Applies decorators to a method and its parameters.
 *
 * @param {Function} type the class.
 * @param {string} method name of the method.
 * @param {{ method: Function[], parameters?: Function[], types?: unknown[] }} decorators those of the
 * method, that of each parameter, and the parameters' types (`design:paramtypes`).
 */
export function decorate(type, method, { method: onMethod, parameters = [], types = [] }) {
  const { prototype } = type;
  for (const [index, decorator] of parameters.entries()) decorator(prototype, method, index);
  Reflect.defineMetadata('design:paramtypes', types, prototype, method);
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
  for (const decorator of onMethod.toReversed()) decorator(prototype, method, descriptor);
  Object.defineProperty(prototype, method, descriptor);
}
