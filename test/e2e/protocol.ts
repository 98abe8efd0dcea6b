/**
 * Protocol: what a client of the native protocol may rely on, in every mode and over every transport.
 *
 * One suite, run by the `protocol.*.test.ts` beside it over real processes. It is written against the
 * contract (`wire/messages.ts`, `wire/faults.ts`) and knows nothing of the code behind it.
 */

import { describe } from 'node:test';
import type { Stage } from '../harness/stage.ts';
import { flowsSuite } from './protocol/flows.ts';
import { framesSuite } from './protocol/frames.ts';
import { identitySuite } from './protocol/identity.ts';
import { openingSuite } from './protocol/opening.ts';
import { presenceSuite } from './protocol/presence.ts';
import { resumingSuite } from './protocol/resuming.ts';
import { roomsSuite } from './protocol/rooms.ts';

/** How long a lost session stays present in these tests. */
export const graceMs = 1_500;

/** Variables of every process that the suite relies on. */
export const protocolEnv = {
  PRESENCE_GRACE_MS: String(graceMs),
  AUTH_CLOCK_SKEW_MS: '0',
  AUTH_JWKS_COOLDOWN_MS: '100',
  POLL_LINGER_MS: '1000',
  STUN_URLS: 'stun:stun.example.org:3478',
};

export function protocolSuite(stage: Stage): void {
  describe('opening', () => openingSuite(stage));
  describe('frames', () => framesSuite(stage));
  describe('rooms', () => roomsSuite(stage));
  describe('resuming', () => resumingSuite(stage));
  describe('presence', () => presenceSuite(stage, graceMs));
  describe('flows', () => flowsSuite(stage));
  describe('identity', () => identitySuite(stage));
}
