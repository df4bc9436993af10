import { Transform } from 'class-transformer';

/** Cuts white space off a text before it is validated, so that blanks alone are no text. */
export function Trim(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? value.trim() : value,
  );
}
