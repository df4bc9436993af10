import { IsString, Length, Matches } from 'class-validator';

/** What `hall.say` takes. */
export class SayDto {
  @Matches(/^\w{1,24}$/)
  readonly hall!: string;

  @IsString()
  @Length(1, 500)
  readonly text!: string;
}
