/** Boards: all of them, in the order in which an operator reads them, and the files that they are written to. */

import { avalancheBoard } from './avalanche.ts';
import type { Board } from './board.ts';
import { busBoard } from './bus.ts';
import { fleetBoard } from './fleet.ts';
import { gatewayBoard } from './gateway.ts';
import { grafanaJson } from './grafana.ts';
import { loadTestBoard } from './load-test.ts';
import { routerBoard } from './router.ts';

export const boards: readonly Board[] = [
  fleetBoard,
  gatewayBoard,
  routerBoard,
  busBoard,
  avalancheBoard,
  loadTestBoard,
];

/** Texts by their path from the root of the repository. */
export const boardFiles: Readonly<Record<string, () => string>> = Object.fromEntries(
  boards.map((board) => [`helm/dashboards/${board.name}.json`, () => grafanaJson(board)]),
);
