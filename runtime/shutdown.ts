/**
 * Shutdown: how a process ends; by a signal in good order, by a mistake of ours as well as it still can.
 *
 * Every promise that nobody awaits is handed to `supervise`: it may not fail unseen. Steps run in the
 * reverse of the order they were given, one after the other, as what was built last stands on what was
 * built before. A second signal, or a mistake whose steps do not come to an end, exits at once.
 */

import type { Clock } from './clock.ts';
import { ConfigError, EXIT_CONFIG } from './config.ts';
import type { Logger } from './log.ts';

export type ShutdownStep = () => Promise<void> | void;

export interface Supervisor {
  /** Watches a promise that nobody awaits; its rejection ends the process. */
  supervise(promise: Promise<unknown>, what: string): void;
  /** Adds a step of the shutdown. */
  onShutdown(step: ShutdownStep): void;
  /** Runs the steps, then exits with the code. Called again it does nothing. */
  stop(code: number): void;
}

/** How long the steps may take after a mistake of ours; after a signal they take the time they need. */
export const FATAL_MS_MAX = 10_000;

/** Takes charge of the signals and uncaught errors of this process; one for each process. */
export function createSupervisor(log: Logger, clock: Clock): Supervisor {
  const steps: ShutdownStep[] = [];
  let stopping = false;

  function stop(code: number): void {
    if (stopping) return;
    stopping = true;
    process.exitCode = code;
    void runSteps(steps, log).then((failed) => {
      if (failed && process.exitCode === 0) process.exitCode = 1;
      process.exit();
    });
  }
  function fatal(event: string, err: unknown, what: string): void {
    const problems = problemsOf(err);
    const code = problems === undefined ? 1 : EXIT_CONFIG;
    if (problems !== undefined) {
      log.fatal({ event: 'process.misconfigured', problems }, 'the configuration cannot be used');
    } else {
      log.fatal({ event, err, what }, 'a mistake of ours ends this process');
    }
    if (stopping) process.exitCode = code;
    clock.after(FATAL_MS_MAX, () => process.exit(code));
    stop(code);
  }
  function signalled(signal: string): void {
    if (stopping) {
      log.warn({ event: 'process.stopped-at-once', signal }, 'a second signal: stopping at once');
      process.exit(1);
    }
    log.info({ event: 'process.stopping', signal }, 'stopping');
    stop(0);
  }

  process.on('SIGTERM', signalled).on('SIGINT', signalled);
  process.on('uncaughtException', (err) => fatal('process.uncaught-exception', err, 'uncaught exception'));
  process.on('unhandledRejection', (err) => fatal('process.unhandled-rejection', err, 'unhandled rejection'));
  return {
    supervise: (promise, what) => void promise.catch((err) => fatal('process.failed', err, what)),
    onShutdown: (step) => void steps.push(step),
    stop,
  };
}

const whyNotListening: { readonly [code in string]?: string } = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'it is not allowed',
};

/** What is wrong with what this process was told, where that is it; a port that it cannot have included. */
function problemsOf(err: unknown): readonly string[] | undefined {
  if (err instanceof ConfigError) return err.problems;
  const { syscall, code = '', address, port, hostname } = (err ?? {}) as ListenError;
  if (syscall === 'getaddrinfo') return [`cannot find the address of ${hostname} (${code})`];
  const why = syscall === 'listen' ? whyNotListening[code] : undefined;
  return why === undefined ? undefined : [`cannot listen on ${address} port ${port}: ${why} (${code})`];
}

/** What Node adds to an error of `listen`, and of looking a name up for it. */
interface ListenError {
  readonly syscall?: string;
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

/** Whether a step failed; the others run all the same. */
async function runSteps(steps: readonly ShutdownStep[], log: Logger): Promise<boolean> {
  let failed = false;
  for (const step of steps.toReversed()) {
    try {
      await step();
    } catch (err) {
      failed = true;
      log.error({ event: 'process.shutdown-step-failed', err }, 'a step of the shutdown failed');
    }
  }
  return failed;
}
