/**
 * Targets: every reader of input that is fuzzed.
 */

import type { MakeTarget } from './target.ts';
import { addressTarget } from './targets/address.ts';
import { admissionTarget } from './targets/admission.ts';
import { configTarget } from './targets/config.ts';
import { deliveryTarget } from './targets/delivery.ts';
import { envelopeTarget } from './targets/envelope.ts';
import { claimsTarget, jwtTarget } from './targets/jwt.ts';
import { nativeTarget } from './targets/native.ts';
import { pollTarget } from './targets/poll.ts';
import { proxyTarget } from './targets/proxy.ts';
import { resumePayloadTarget, resumeTarget } from './targets/resume.ts';
import { routerTarget } from './targets/router.ts';

/** By the name of their folder in the corpus. */
export const targets: ReadonlyMap<string, MakeTarget> = new Map<string, MakeTarget>([
  ['native', nativeTarget],
  ['poll', pollTarget],
  ['envelope', envelopeTarget],
  ['delivery', deliveryTarget],
  ['router', routerTarget],
  ['admission', admissionTarget],
  ['resume', resumeTarget],
  ['resume-payload', resumePayloadTarget],
  ['jwt', jwtTarget],
  ['claims', claimsTarget],
  ['config', configTarget],
  ['address', addressTarget],
  ['proxy', proxyTarget],
]);
