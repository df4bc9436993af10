import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { Door } from '../support/security-app.js';

/** A certificate of one day for 127.0.0.1, signed by itself. `node:crypto` makes keys but no X.509. */
async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'realtime-tls-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const name = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', keyFile, '-out', certFile];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-nodes', '-days', '1'],
    ...curve,
    ...name,
    ...files,
  ]);
  const pair = { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8') };
  await rm(folder, { recursive: true });
  return pair;
}

const clock = new ManualClock();
let certificate: { key: string; cert: string };
let door: Door;
let url: string;

beforeAll(async () => {
  certificate = await makeCertificate();
  door = await Door.open({ clock, httpsOptions: certificate });
  url = door.url.replace('ws:', 'wss:');
});

afterAll(async () => {
  await door.close();
});

it('serves wss:// to a client that trusts the certificate', async () => {
  const client = await RawClient.connect(url, 'token-ada', { socket: { ca: certificate.cert } });

  expect(await client.request('1', 'whoami')).toMatchObject({ payload: { id: 'ada' } });
  await client.close();
});

it('takes a page of the same host over https for the same origin', async () => {
  const { host } = new URL(url);
  const client = await RawClient.connect(url, 'token-ada', {
    socket: { ca: certificate.cert, origin: `https://${host}` },
  });

  expect(await client.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
  await client.close();
});

it('leaves a wss:// connection alone that has sent its headers in time', async () => {
  const client = await RawClient.connect(url, 'token-ada', { socket: { ca: certificate.cert } });

  clock.advance(6_000);

  expect(await client.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
  await client.close();
});

it('is not reached by a client that does not trust the certificate', async () => {
  await expect(RawClient.open(url)).rejects.toThrow(/self-signed certificate/);
});
