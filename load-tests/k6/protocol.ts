/**
 * Protocol: the messages of the service as types alone, so that k6 has nothing to load.
 */

import type { ServerMessage } from '../../wire/messages.ts';

export type { ServerMessage };
export type ReceivedFrame = Extract<ServerMessage, { type: 'frame' }>;
