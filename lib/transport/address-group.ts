import { isIPv6 } from 'node:net';

/** How an address of version 4 in one of version 6 begins (RFC 4291, section 2.5.5.2): as numbers of 16 bits. */
const MAPPED = '0,0,0,0,0,65535';

const GROUPS = 8;
const GROUP_BITS = 16;

/**
 * What addresses are counted by. A single machine has a whole network of IPv6 addresses, a /64 at least
 * (RFC 4291, section 2.5.1; RFC 6177): all of one network count as one. Addresses of version 4 stand for
 * themselves, also where they come as IPv4-mapped ones; so does what is no address.
 *
 * @param prefixLength bits that addresses of version 6 have in common. 1 to 128; 128: each counts by itself.
 */
export function addressGroup(ip: string, prefixLength: number): string {
  if (!isIPv6(ip)) return ip;
  const groups = groupsOf(ip);
  if (String(groups.slice(0, 6)) === MAPPED) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  }
  const kept = groups.map((group, index) => {
    const bits = Math.min(GROUP_BITS, Math.max(0, prefixLength - index * GROUP_BITS));
    return (group & (0xffff << (GROUP_BITS - bits))).toString(16);
  });
  return `${kept.join(':')}/${String(prefixLength)}`;
}

/** The eight numbers of an address: written in the shortest form or not, with or without a zone. */
function groupsOf(ip: string): number[] {
  const [address = ''] = ip.split('%');
  const [head = '', tail = ''] = address.split('::');
  const [before, after] = [numbersOf(head), numbersOf(tail)];
  const zeros = GROUPS - before.length - after.length;
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after];
}

function numbersOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
