import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { addressGroup } from '../../lib/transport/address-group.js';

describe('addresses', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', 64],
    ['2001:db8:1:2::1', '2001:0DB8:0001:0002:0:0:0:1', 64],
    ['fe80::1%eth0', 'fe80::2%eth1', 64],
    ['2001:db8:1:2::1', '2001:db8:1:ff00::1', 48],
    ['2001:db8:1:2f00::', '2001:db8:1:2fff::', 56],
    ['::ffff:192.0.2.7', '192.0.2.7', 64],
    ['::FFFF:192.0.2.7', '192.0.2.7', 1],
    ['::ffff:c000:207', '192.0.2.7', 64],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7', 64],
    ['64:ff9b::192.0.2.7', '64:ff9b::c000:207', 128],
  ])('%s and %s count as one by %i bits', (one, other, bits) => {
    expect(addressGroup(one, bits)).toBe(addressGroup(other, bits));
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1', 64],
    ['2001:db8:1:2f00::', '2001:db8:1:3000::', 56],
    ['2001:db8:1:2::1', '2001:db8:1:2::2', 128],
    ['192.0.2.7', '192.0.2.8', 64],
    ['::ffff:192.0.2.7', '::ffff:192.0.2.8', 64],
    ['::', '8000::', 1],
  ])('%s and %s count as two by %i bits', (one, other, bits) => {
    expect(addressGroup(one, bits)).not.toBe(addressGroup(other, bits));
  });

  it('are what they are where they are none', () => {
    expect(addressGroup('', 64)).toBe('');
    expect(addressGroup('unknown', 64)).toBe('unknown');
  });

  it('of one network count as one, however they are written', () => {
    const address = fc.ipV6();
    const bits = fc.integer({ min: 1, max: 128 });
    fc.assert(
      fc.property(address, bits, (ip, length) => {
        const group = addressGroup(ip, length);
        // A group is the first address of its network: it is in itself.
        const first = group.replace(/\/\d+$/, '');
        return addressGroup(first, length) === group;
      }),
    );
  });
});
