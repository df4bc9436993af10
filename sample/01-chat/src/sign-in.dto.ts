import { Length } from 'class-validator';

import { Trim } from './trim.decorator.js';

export class SignInDto {
  @Trim()
  @Length(1, 24, { message: 'Please choose a name of 1 to 24 characters.' })
  readonly name!: string;
}
