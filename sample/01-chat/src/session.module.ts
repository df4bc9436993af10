import { Module } from '@nestjs/common';

import { SessionStore } from './session.store.js';
import { SignInController } from './sign-in.controller.js';

@Module({
  controllers: [SignInController],
  providers: [SessionStore],
  exports: [SessionStore],
})
export class SessionModule {}
