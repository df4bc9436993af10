import { randomUUID } from 'node:crypto';

import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { decodeJwt, jwtVerify, SignJWT } from 'jose';
import { SessionService } from 'nestjs-realtime';

import { SignInDto } from '../../01-chat/src/sign-in.dto.js';
import { settings } from './settings.js';

const key = new TextEncoder().encode(settings.secret);

/** Signing in and out as in 01-chat, with tokens that every node can verify. */
@Controller()
export class SignInController {
  constructor(private readonly sessions: SessionService) {}

  @Post('sign-in')
  async signIn(@Body() { name }: SignInDto): Promise<{ token: string }> {
    const token = await new SignJWT({ name })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(randomUUID())
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('12h')
      .sign(key);
    return { token };
  }

  /** Ends the token's connections on every node; nobody gets in with it again. */
  @Post('sign-out')
  @HttpCode(204)
  async signOut(@Headers('authorization') authorization = ''): Promise<void> {
    const token = authorization.replace(/^Bearer /, '');
    const isOurs = await jwtVerify(token, key).then(
      () => true,
      () => false,
    );
    const { jti: tokenId } = isOurs ? decodeJwt(token) : {};
    if (tokenId !== undefined) await this.sessions.revoke({ tokenId });
  }
}
