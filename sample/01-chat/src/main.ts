import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { AppModule } from './app.module.js';

Logger.overrideLogger(['error', 'warn']);
const app = await NestFactory.create<NestExpressApplication>(AppModule);

// The page, and the client SDK for its import map: the very files that npm installs.
const page = new URL('../public', import.meta.url);
const sdk = new URL('..', import.meta.resolve('nestjs-realtime/client'));
app.useStaticAssets(fileURLToPath(page));
app.useStaticAssets(fileURLToPath(sdk), { prefix: '/sdk/' });

// On Ctrl+C clients are told that the server goes away, so that they come back when it does.
app.enableShutdownHooks();

await app.listen(process.env['PORT'] ?? 3000);
const { port } = app.getHttpServer().address() as AddressInfo;
console.log(`Chat is running at http://localhost:${String(port)}`);
