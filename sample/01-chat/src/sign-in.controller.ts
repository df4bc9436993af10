import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';

import { SessionStore } from './session.store.js';
import { SignInDto } from './sign-in.dto.js';

@Controller()
export class SignInController {
  constructor(private readonly sessions: SessionStore) {}

  @Post('sign-in')
  signIn(@Body() { name }: SignInDto): { token: string } {
    return { token: this.sessions.start(name) };
  }

  @Post('sign-out')
  @HttpCode(204)
  signOut(@Headers('authorization') authorization = ''): void {
    this.sessions.end(authorization.replace(/^Bearer /, ''));
  }
}
