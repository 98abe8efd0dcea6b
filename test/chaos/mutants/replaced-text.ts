/**
 * Replaced text: loads a module of the service with some of its text replaced, in the process that is told to.
 *
 * So a defence can be switched off without a switch in the product. A text that is not found, because the code
 * has moved on, ends the process: a mutant that mutates nothing would prove nothing.
 */

import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Replacement = readonly [text: string, by: string];

const root = join(import.meta.dirname, '..', '..', '..');

/** @param path of the module, from the root of the repository. */
export function replaceText(path: string, replacements: readonly Replacement[]): void {
  const url = pathToFileURL(join(root, path)).href;
  registerHooks({
    load(loaded, context, nextLoad) {
      const module = nextLoad(loaded, context);
      if (loaded !== url) return module;
      let source = String(module.source);
      for (const [text, by] of replacements) {
        if (source.split(text).length !== 2) {
          console.error(`mutant: ${path} has not exactly one ${JSON.stringify(text)}`);
          process.exit(70);
        }
        source = source.replace(text, () => by);
      }
      return { ...module, source };
    },
  });
}
