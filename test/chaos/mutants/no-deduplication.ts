/** No deduplication: each append has a message id of its own, so the log takes a repeat for another frame. */

import { replaceText } from './replaced-text.ts';

replaceText('bus/nats/appends.ts', [
  [
    'const { partition, channel, messageId, data, ttlMs } = append;',
    'const { partition, channel, data, ttlMs } = append;\n  const messageId = append.messageId + state.inbox + state.next;',
  ],
]);
