/**
 * Load: `npm run load -- <scenario>` starts a fleet on loopback, runs a k6 script against it, and prints the verdict.
 *
 * With `--target` it runs the script against a deployment that is there. Exits with 1 where a threshold was missed, with 2 where the
 * run itself failed, with 64 where it was asked wrongly.
 */

import { join } from 'node:path';
import { startBalancer } from '#test/harness/balancer.ts';
import { askedOf, misused } from '#tools/command-line.ts';
import { runK6 } from './load/k6-run.ts';
import { type LocalFleet, startLocalFleet } from './load/local-fleet.ts';
import { type Finding, type Scenario, scenarios } from './load/scenarios.ts';

const help = `npm run load -- <scenario> [options]

Scenarios
${Object.entries(scenarios)
  .map(([name, { about, seconds }]) => `  ${name.padEnd(16)} ${about} (${seconds} s)`)
  .join('\n')}

Options
  --seconds N          how long the script loads
  --vus N              virtual users; each holds many sessions
  --set NAME=VALUE     another variable of the script (see its head in load-tests/k6/), more than once
  --target URL[,URL]   a deployment that is there; tokens by AUTH_HMAC_SECRET or TOKENS_FILE of the environment
  --prometheus URL     remote write, e.g. http://127.0.0.1:9090/api/v1/write
  --summary PATH       where the report goes, .json and .md (default .cache/load/<scenario>)
  --quiet              no progress of k6
`;

const command = { name: 'load', help };
const { values, positionals } = askedOf(command, {
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    vus: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    target: { type: 'string' },
    prometheus: { type: 'string' },
    summary: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`load: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}

async function main(): Promise<boolean> {
  const [name] = positionals;
  if (name === undefined) return misused(command, 'which scenario?');
  const scenario = scenarios[name];
  if (scenario === undefined) return misused(command, `there is no scenario ${name}`);
  const seconds = positive('seconds', values.seconds) ?? scenario.seconds;
  const vus = positive('vus', values.vus);
  const set = { ...scenario.set, ...Object.fromEntries(values.set.map(variable)) };
  const env = {
    ...set,
    SCENARIO: name,
    DURATION_S: String(seconds),
    ...(vus === undefined ? {} : { VUS: String(vus) }),
  };
  const summary = values.summary ?? join(import.meta.dirname, '..', '.cache', 'load', name);
  const run = { script: scenario.script, summary, prometheus: values.prometheus, name, quiet: values.quiet };
  if (values.target !== undefined) {
    const urls = await reachable(values.target);
    return told([], await runK6({ ...run, env: { ...env, URLS: urls, ...credentials() } }), summary);
  }
  return locally(
    scenario,
    seconds,
    async (fleet, urls) => runK6({ ...run, env: { ...env, URLS: urls, AUTH_HMAC_SECRET: fleet.secret } }),
    summary,
  );
}

async function locally(
  scenario: Scenario,
  seconds: number,
  load: (fleet: LocalFleet, urls: string) => Promise<boolean>,
  summary: string,
): Promise<boolean> {
  const { gateways, routers, bus = 'alone', env = {} } = scenario;
  say(
    `starting ${gateways} gateways, ${routers} routers, and ${bus === 'alone' ? 'one nats-server' : 'three'}`,
  );
  const fleet = await startLocalFleet({ gateways, routers, bus, env });
  const balancer = scenario.balanced === true ? await startBalancer(() => shuffled(fleet.urls())) : undefined;
  try {
    const urls = balancer === undefined ? fleet.urls().join(',') : `ws://127.0.0.1:${balancer.port}`;
    const running = load(fleet, urls);
    const findings = (await scenario.meanwhile?.(fleet, say, seconds)) ?? [];
    return told(findings, await running, summary);
  } finally {
    await balancer?.close();
    await fleet.stop();
  }
}

function told(findings: readonly Finding[], thresholdsMet: boolean, summary: string): boolean {
  const all = [{ what: 'thresholds', met: thresholdsMet }, ...findings];
  for (const { what, met } of all) console.log(`${met ? 'met   ' : 'MISSED'}  ${what}`);
  console.log(`report: ${summary}.md and .json`);
  return all.every(({ met }) => met);
}

function shuffled(urls: readonly string[]): readonly string[] {
  const first = Math.floor(Math.random() * urls.length);
  return [...urls.slice(first), ...urls.slice(0, first)];
}

/** Each URL takes connections, or the run ends before it begins. */
async function reachable(target: string): Promise<string> {
  for (const url of target.split(',')) {
    if (!/^wss?:\/\//.test(url))
      return misused(command, `--target ${url}: a URL of a WebSocket is wanted, ws:// or wss://`);
    try {
      await fetch(url.replace(/^ws/, 'http'), { signal: AbortSignal.timeout(5_000) });
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      throw new Error(`--target ${url} does not answer: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  return target;
}

function credentials(): Record<string, string> {
  const names = ['AUTH_HMAC_SECRET', 'AUTH_ISSUER', 'AUTH_AUDIENCE', 'TOKENS_FILE'];
  const given = names.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  if (!given.some(([name]) => name === 'AUTH_HMAC_SECRET' || name === 'TOKENS_FILE')) {
    throw new Error('--target needs tokens: give AUTH_HMAC_SECRET or TOKENS_FILE in the environment');
  }
  return Object.fromEntries(given);
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) return misused(command, `--${name} ${text}: a positive number is wanted`);
  return value;
}

function variable(text: string): [string, string] {
  const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    return misused(command, `--set ${text}: NAME=VALUE is wanted`);
  return [name, value];
}

function say(line: string): void {
  console.error(`load: ${line}`);
}
