import { ConfigurableModuleBuilder } from '@nestjs/common';

import type { RealtimeModuleOptions } from './options/realtime-options.interface.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RealtimeModuleOptions>({ moduleName: 'Realtime' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRealtimeOptions')
    .setExtras<{
      /** Whether `RoomService` and the others can be injected without importing the module again. Default true. */
      isGlobal?: boolean;
    }>({ isGlobal: true }, (definition, { isGlobal = true }) => ({
      ...definition,
      global: isGlobal,
    }))
    .build();
