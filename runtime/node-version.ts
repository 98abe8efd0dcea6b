/**
 * Node version: a guard that every `main.ts` imports first, so that an older Node ends with a sentence and
 * not with a riddle.
 *
 * npm scripts run the Node 24 that the lock file names, whatever the machine has.
 */

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `Node ${process.versions.node} is too old: start through npm (npm start), which brings Node 24.`,
  );
  process.exit(78);
}
