/** Tokens as an identity provider signs them, and a key server as it publishes the keys. */
import type { KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export const SECRET = 'a secret of thirty-two bytes, or more';

/** A signed token; `claims` may say anything, `header` too. */
export function sign(
  key: Parameters<SignJWT['sign']>[0],
  header: { readonly alg: string; readonly kid?: string; readonly typ?: string },
  claims: JWTPayload = {},
): Promise<string> {
  return new SignJWT({ sub: 'ada', ...claims }).setProtectedHeader(header).sign(key);
}

/** A token signed with {@link SECRET}. */
export function signWithSecret(claims: JWTPayload = {}, secret = SECRET): Promise<string> {
  return sign(new TextEncoder().encode(secret), { alg: 'HS256' }, claims);
}

/** A token put together by hand, with any header and any signature. */
export function forge(header: object, claims: object, signature = ''): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}

/** Seconds since 1970, so many seconds from now. */
export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

/** A key pair for an algorithm, as node's key objects. */
export async function keyPair(
  alg: string,
): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }> {
  const pair: object = await generateKeyPair(alg, { extractable: true });
  const { KeyObject: Keys } = await import('node:crypto');
  const { publicKey, privateKey } = pair as { publicKey: CryptoKey; privateKey: CryptoKey };
  return { publicKey: Keys.from(publicKey), privateKey: Keys.from(privateKey) };
}

/** A key server on the loopback interface: `/<name>` gives the keys that were published there. */
export class KeyServer {
  readonly #keys = new Map<string, object[]>();
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Answers with this status instead of keys. */
  failWith: number | undefined;

  private constructor(
    readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<KeyServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const keyServer = new KeyServer(server, `http://127.0.0.1:${String(port)}`);
    server.on('request', (request, response) => {
      const path = request.url ?? '';
      keyServer.asked.push(path);
      const { failWith } = keyServer;
      response.writeHead(failWith ?? 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ keys: keyServer.#keys.get(path) ?? [] }));
    });
    return keyServer;
  }

  /** Publishes a public key under a path and a key id. */
  async publish(path: string, kid: string, alg: string, publicKey: KeyObject): Promise<string> {
    const keys = this.#keys.get(path) ?? [];
    keys.push({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' });
    this.#keys.set(path, keys);
    return `${this.url}${path}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
