import { IsIn, Length } from 'class-validator';

import { ROOM_NAMES } from './chat.rooms.js';
import { Trim } from './trim.decorator.js';

/** What `chat.send` takes. Whatever breaks a rule never reaches the handler. */
export class SendMessageDto {
  @IsIn(ROOM_NAMES, { message: 'There is no such room.' })
  readonly room!: string;

  @Trim()
  @Length(1, 500, { message: 'A message has 1 to 500 characters.' })
  readonly text!: string;
}
