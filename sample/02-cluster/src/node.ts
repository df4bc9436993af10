/** One node: an ordinary Nest `main.ts`, and two lines for the process that started it. */
import 'reflect-metadata';

import { fileURLToPath } from 'node:url';

import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { AppModule } from './app.module.js';
import { settings } from './settings.js';

Logger.overrideLogger(['error', 'warn']);
const app = await NestFactory.create<NestExpressApplication>(AppModule);

/** A folder of the samples, as seen from `dist/02-cluster/src`. */
const sample = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
app.useStaticAssets(sample('02-cluster/public'));
app.useStaticAssets(sample('01-chat/public'), { prefix: '/chat/' });
const sdk = new URL('..', import.meta.resolve('nestjs-realtime/client'));
app.useStaticAssets(fileURLToPath(sdk), { prefix: '/sdk/' });

app.enableShutdownHooks();
await app.listen(settings.port, '127.0.0.1');
process.send?.('listening');
// Without whoever started it there is nobody to end it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
