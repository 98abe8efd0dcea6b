/** No fence: a gateway takes in what past owners of a partition deliver, as if it came from the present one. */

import { replaceText } from './replaced-text.ts';

replaceText('gateway/router-client/router-client.ts', [
  [
    "case 'stale':\n        return;",
    "case 'stale':\n        events.section(section, partition.state.epoch, envelopes, offset);\n        return;",
  ],
]);
