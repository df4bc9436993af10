import 'reflect-metadata';

import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { AppModule } from './app.module.js';

Logger.overrideLogger(['error', 'warn']);
const app = await NestFactory.create(AppModule);

// Clients are told that this process goes away, and come back to another one.
app.enableShutdownHooks();

// All processes listen on the same port, also where it is 0: the primary process opens it once.
await app.listen(process.env['PORT'] ?? 3000);
