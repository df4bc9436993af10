import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { makeCertificate } from '../support/certificate.js';
import { Door } from '../support/security-app.js';

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
