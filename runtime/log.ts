/**
 * Log: one JSON object per line on standard output.
 *
 * A line has a fixed `event`, a fixed sentence, and the rest as fields with units; tokens, bodies of
 * frames and names are never handed to it, so that nothing has to be hidden here.
 */

import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import Type, { type Static } from 'typebox';

export type { Logger };

export const LogLevel = Type.Union(
  [
    Type.Literal('fatal'),
    Type.Literal('error'),
    Type.Literal('warn'),
    Type.Literal('info'),
    Type.Literal('debug'),
    Type.Literal('silent'),
  ],
  { default: 'info', description: 'The least severe log lines that are written.' },
);
export type LogLevel = Static<typeof LogLevel>;

/** The variables of the log, for the schema of a process. */
export const logProperties = { LOG_LEVEL: LogLevel };

/** A log whose lines carry the name of the process. Written at once, so that the last line before a death is seen. */
export function createLogger(name: string, level: LogLevel): Logger {
  const options = {
    level,
    base: { name },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination({ dest: 1, sync: true }));
}
