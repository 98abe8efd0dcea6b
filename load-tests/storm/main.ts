/**
 * Storm: the loss of gateways on real processes, measured in multiples of the optimum (`npm run storm`).
 */

import { writeFileSync } from 'node:fs';
import { help, optionsOf } from './options.ts';
import { writePage } from './page.ts';
import { type Outcome, perform } from './scenarios.ts';

const options = optionsOf(process.argv.slice(2));
if (options === undefined || typeof options === 'string') {
  console.error(options === undefined ? help : `storm: ${options}\n\n${help}`);
  process.exit(options === undefined ? 0 : 64);
}
try {
  const write = (it: Outcome) => {
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(it)}\n`);
    if (options.write) writePage(it, process.argv.slice(2));
  };
  const outcome = await perform(options, write);
  console.log(outcome.text);
  write(outcome);
  process.exitCode = outcome.missed.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`storm: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
process.exit();
