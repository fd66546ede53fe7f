import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPublicAddress } from '../../src/shared/public-address.ts';

const PUBLIC = ['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1']
  .concat(['169.253.1.1', '192.167.1.1', '223.255.255.255', '168.63.129.17', '::ffff:8.8.8.8'])
  .concat(['2606:4700:4700::1111', '2a00:1450:4001:81b::200e']);

const NOT_PUBLIC: Record<string, string[]> = {
  'this host': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
  shared: ['100.64.0.1', '100.100.100.200', '100.127.255.255'],
  'link-local': ['169.254.0.1', '169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0'],
  'unique local': ['fc00::1', 'fd00:ec2::254', 'fdff:ffff::1'],
  'site local': ['fec0::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  reserved: ['192.0.0.192', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '240.0.0.1'].concat([
    '255.255.255.255',
    '192.88.99.1',
    '2001:db8::1',
    '3fff::1',
    '100::1',
    '5f00::1',
    '4000::1',
  ]),
  "a cloud's own": ['168.63.129.16', '::ffff:168.63.129.16', '::ffff:169.254.169.254'],
  'IPv4 in IPv6': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::127.0.0.1', '::7f00:1']
    .concat(['::ffff:0:127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b::808:808', '64:ff9b:1::a00:1'])
    .concat(['2002:7f00:1::', '2002:808:808::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2']),
  'no address': [
    '',
    'localhost',
    'example.com',
    '127.1',
    '2130706433',
    '0x7f000001',
    '1.1.1.1.',
    '1.1.1.1:80',
    '[::1]',
  ],
};

describe('an address', () => {
  it('is public when anybody can reach it', () => {
    assert.deepEqual(
      PUBLIC.filter((address) => !isPublicAddress(address)),
      [],
    );
  });

  for (const [what, addresses] of Object.entries(NOT_PUBLIC)) {
    it(`is not public when it is ${what}`, () => {
      assert.deepEqual(addresses.filter(isPublicAddress), []);
    });
  }
});
