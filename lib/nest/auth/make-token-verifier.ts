import type { ModuleRef } from '@nestjs/core';

import type { Clock, Random, TokenVerifier } from '../../core/index.js';
import type {
  RealtimeAuthOptions,
  ResolvedRealtimeOptions,
} from '../options/realtime-options.interface.js';
import { BoundedTokenVerifier } from './bounded-token-verifier.js';
import { JwtTokenVerifier } from './jwt-token-verifier.js';
import {
  AnonymousTokenVerifier,
  FunctionTokenVerifier,
  NoTokenVerifier,
  ProviderTokenVerifier,
} from './token-verifier.js';

/** Verifications that may wait for each that may run. */
const WAITING_PER_RUNNING = 10;

/** The verifier that the options ask for. */
export function makeTokenVerifier(
  { auth, limits }: ResolvedRealtimeOptions,
  clock: Clock,
  random: Random,
  moduleRef: ModuleRef,
): TokenVerifier {
  if (auth === undefined) return new AnonymousTokenVerifier(random);
  const concurrency = auth.concurrency ?? 100;
  const bounded = new BoundedTokenVerifier(chosen(auth, moduleRef), clock, {
    concurrency,
    waiting: concurrency * WAITING_PER_RUNNING,
    timeoutMs: limits.admissionTimeoutMs,
  });
  return auth.allowAnonymous === true ? new AnonymousTokenVerifier(random, bounded) : bounded;
}

function chosen(auth: RealtimeAuthOptions, moduleRef: ModuleRef): TokenVerifier {
  if (auth.jwt !== undefined) return new JwtTokenVerifier(auth.jwt);
  if (auth.verify !== undefined) return new FunctionTokenVerifier(auth.verify);
  if (auth.verifier !== undefined) return new ProviderTokenVerifier(moduleRef, auth.verifier);
  return new NoTokenVerifier();
}
