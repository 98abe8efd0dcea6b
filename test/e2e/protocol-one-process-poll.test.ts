import { describe } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { protocolEnv, protocolSuite } from './protocol.ts';

describe('one process, long poll', () => {
  protocolSuite(useStage({ transport: 'poll', env: protocolEnv }));
});
