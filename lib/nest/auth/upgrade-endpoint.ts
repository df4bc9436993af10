/**
 * Stands for the handshake where Nest wants a class and a method: an `ExecutionContext` of a guard
 * that runs during the upgrade names them.
 */
export class UpgradeEndpoint {
  /** The handshake. Never called. */
  onUpgrade(): void {
    throw new Error('UpgradeEndpoint.onUpgrade stands for the handshake and is never called');
  }
}
