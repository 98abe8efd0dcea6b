/**
 * Main: fuzzes all targets, or one, for as many inputs as asked: `npm run fuzz -- --inputs 1000000`.
 *
 * `--target NAME`, `--seed N`. An input that breaks its oracle is printed with seed and target, as base64, and kept
 * in the corpus as small as it gets; then the exit code is 1.
 */

import { askedOf, misused, numberOf } from '#tools/command-line.ts';
import { corpusOf, keep } from './corpus.ts';
import { fuzz } from './fuzzer.ts';
import { reportOf } from './report.ts';
import { targets } from './targets.ts';

const command = {
  name: 'fuzz',
  help: `npm run fuzz -- [options]

Feeds every parser what nobody would send, and judges what it makes of it.

  --inputs N      for each target (1000000)
  --seed N        of the mutations (the time of day)
  --target NAME   this one alone; more than once: ${[...targets.keys()].join(', ')}
  --help          this text

Exit codes: 0 nothing broke, 1 an input broke its oracle and was kept, 64 wrong usage.`,
};
const { values } = askedOf(command, {
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true, default: [...targets.keys()] },
  },
});
const seed = numberOf(command, 'seed', values.seed, { min: 0, max: 2 ** 32 - 1 });
const inputs = numberOf(command, 'inputs', values.inputs, { min: 1 });
const unknown = values.target.find((name) => !targets.has(name));
if (unknown !== undefined) misused(command, `there is no target ${unknown}`);
console.log(`seed ${seed}, ${inputs} inputs for each target`);

for (const name of values.target) {
  const target = await targets.get(name)!();
  const startMs = performance.now();
  const progress = (judged: number, kinds: number) => {
    const perSecond = Math.round((judged * 1_000) / (performance.now() - startMs));
    if (process.stderr.isTTY || judged % 100_000 === 0)
      process.stderr.write(
        `${name}: ${judged} inputs, ${kinds} kinds of outcome, ${perSecond}/s${process.stderr.isTTY ? '  \r' : '\n'}`,
      );
  };
  const starts = corpusOf(name).map(({ bytes }) => bytes);
  const { judged, kinds, broken } = await fuzz(target, starts, { inputs, seed, progress });
  target.close?.();
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(`${name}: ${judged} inputs, ${kinds.length} kinds of outcome, ${seconds} s`);
  if (broken === undefined) continue;
  console.error(reportOf(name, seed, broken));
  console.error(`kept in ${keep(name, broken.minimized)}`);
  process.exitCode = 1;
}
// What a target has listening does not keep the process.
process.exit();
