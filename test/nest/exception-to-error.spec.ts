import { BadRequestException, HttpException, UnprocessableEntityException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WsException } from '@nestjs/websockets';

import { RealtimeError } from '../../lib/core/index.js';
import { exceptionToError } from '../../lib/nest/gateways/exception-to-error.js';
import { ErrorCode } from '../../lib/protocol/index.js';

/** What a client is told. */
function told(exception: unknown): unknown {
  const error = exceptionToError(exception);
  if (error === undefined) return undefined;
  const { code, message, details } = error;
  return details === undefined ? [code, message] : [code, message, details];
}

describe('exceptionToError', () => {
  it('passes a RealtimeError through as it is', () => {
    const error = new RealtimeError(ErrorCode.Conflict, 'taken');
    expect(exceptionToError(error)).toBe(error);
  });

  it.each([
    [new Error('secret')],
    [new TypeError('secret')],
    ['secret'],
    [undefined],
    [null],
    [{ code: 'forbidden', message: 'looks like one of ours' }],
  ])('has nothing to tell of %p', (exception) => {
    expect(exceptionToError(exception)).toBeUndefined();
  });

  it.each<[number, string]>([
    [400, 'bad-request'],
    [401, 'unauthorized'],
    [402, 'bad-request'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [408, 'timeout'],
    [409, 'conflict'],
    [413, 'payload-too-large'],
    [422, 'validation-failed'],
    [429, 'rate-limited'],
    [499, 'bad-request'],
    [500, 'internal'],
    [501, 'internal'],
    [503, 'unavailable'],
    [504, 'timeout'],
  ])('maps the status %i to %s', (status, code) => {
    expect(told(new HttpException('why', status))).toEqual([code, 'why']);
  });

  it('lists what a validation pipe found', () => {
    const rules = ['a must be a string', 'b should not be empty'];
    const validation = ['validation-failed', 'the payload breaks the schema', rules];
    expect(told(new BadRequestException(rules))).toEqual(validation);
    expect(told(new UnprocessableEntityException(rules))).toEqual(validation);
  });

  it('does not take a list under another status for a validation', () => {
    expect(told(new HttpException({ message: ['a', 'b'] }, 403))).toEqual([
      'forbidden',
      expect.any(String),
    ]);
  });

  it('passes nothing of the response of an HttpException but its message', () => {
    const exception = new HttpException({ message: 'why', secret: 'secret' }, 400);
    expect(JSON.stringify(told(exception))).not.toContain('secret');
  });

  it('takes the code and details of a WsException that has them', () => {
    const exception = new WsException({ code: 'full', message: 'no place', details: { max: 1 } });
    expect(told(exception)).toEqual(['full', 'no place', { max: 1 }]);
  });

  it.each<[string | object, string, string]>([
    ['no', 'rejected', 'no'],
    ['Forbidden resource', 'forbidden', 'Forbidden resource'],
    [{}, 'rejected', 'the request was refused'],
    [{ code: 7, message: 8 }, 'rejected', 'the request was refused'],
    [[{ property: 'secret', value: 'secret' }], 'rejected', 'the request was refused'],
  ])('tells of a WsException of %j', (error, code, message) => {
    expect(told(new WsException(error))).toEqual([code, message]);
  });

  it('marks as retryable what may go well later', () => {
    expect(exceptionToError(new HttpException('busy', 503))?.retryable).toBe(true);
    expect(exceptionToError(new HttpException('no', 403))?.retryable).toBe(false);
  });
});
