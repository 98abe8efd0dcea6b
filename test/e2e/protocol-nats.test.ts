import { describe } from 'node:test';
import { useStage } from '../harness/stage.ts';
import { protocolEnv, protocolSuite } from './protocol.ts';

describe('3 gateways and 2 routers, WebSocket, each client at another gateway', () => {
  protocolSuite(useStage({ transport: 'websocket', gateways: 3, routers: 2, env: protocolEnv }));
});
