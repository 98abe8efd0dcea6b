/**
 * Door configuration: the variables that say how a gateway takes in a crowd.
 *
 * `gateway/config.ts` takes these properties into the schema of the process.
 */

import Type from 'typebox';

const modes = ['law', 'dry-run', 'open', 'refuse'] as const;
export type DoorMode = (typeof modes)[number];

export const doorProperties = {
  GATEWAY_DOOR: Type.Union(
    modes.map((mode) => Type.Literal(mode)),
    {
      default: 'law',
      description:
        '`law`: does not listen while those who come would wait too long, and sets up who is open in the order of the door. `dry-run`: does what `open` does and counts what `law` would have done. To compare with: `open` takes everybody as they come, `refuse` answers 503 over GATEWAY_REFUSE_OVER.',
    },
  ),
  GATEWAY_PATIENCE_MS: Type.Integer({
    default: 10_000,
    minimum: 1_000,
    maximum: 600_000,
    description: 'How long the least patient client waits for a connection to open.',
  }),
  GATEWAY_OPEN_MAX: Type.Integer({
    default: 16_384,
    minimum: 16,
    maximum: 1_000_000,
    description:
      'Connections that may be open and not set up; less where flows or file descriptors would not do.',
  }),
  GATEWAY_URL: Type.Optional(
    Type.String({
      pattern: '^(https?|wss?)://[^\\s]+$',
      maxLength: 512,
      title: 'an address such as wss://g1.example.org',
      description:
        'Where clients reach this gateway and no other. Set for all gateways, clients choose among them by what each can bear, and some of those that wait are sent on.',
    }),
  ),
  GATEWAY_PRIORITY_URL: Type.Optional(
    Type.String({
      pattern: '^(https?|wss?)://[^\\s]+$',
      maxLength: 512,
      title: 'an address such as wss://calls.example.org',
      description: 'Where clients in a call reach GATEWAY_PRIORITY_PORT, of this gateway or of any.',
    }),
  ),
  GATEWAY_CALL_MS: Type.Integer({
    default: 600_000,
    minimum: 10_000,
    maximum: 86_400_000,
    description:
      'How long a session counts as in a call after the last frame of that call, in milliseconds. Of a call in which nothing is said for longer, clients send a frame now and then.',
  }),
  GATEWAY_CALL_SHARE_MAX: Type.Number({
    default: 0.2,
    minimum: 0,
    maximum: 1,
    description:
      'The part of the sessions that may count as in a call, and so come back first; 16 always may.',
  }),
  GATEWAY_REFUSE_OVER: Type.Integer({
    default: 3_500,
    minimum: 1,
    maximum: 1_000_000,
    description: 'GATEWAY_DOOR=refuse: connections accepted and not set up above which others get 503.',
  }),
};
