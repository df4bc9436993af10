import { IsInt, IsString, Length, Min } from 'class-validator';

/** What clients may publish as `tick`. */
export class TickDto {
  @IsString()
  @Length(1, 64)
  readonly from!: string;

  @IsInt()
  @Min(1)
  readonly number!: number;
}
