import { describe } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { protocolEnv, protocolSuite } from './protocol.ts';

describe('3 gateways and 2 routers, long poll, every poll answered by another gateway', () => {
  protocolSuite(useStage({ transport: 'poll', gateways: 3, routers: 2, env: protocolEnv }));
});
