/**
 * Registration: what one gateway has announced for one partition.
 *
 * It begins with an announcement and ends with the next one, or when the gateway falls silent.
 * `route` is where deliveries for it go; the directory does not look into it.
 */

import type { Attachment } from './place.ts';

export class Registration<Route> {
  readonly gateway: string;
  /** Names it to the gateway. */
  readonly id: number;
  readonly route: Route;
  /** The announcement has come whole. */
  complete = false;
  readonly attachments = new Set<Attachment<Route>>();
  /** The channels on which flows of it watch. */
  readonly watched = new Set<string>();

  constructor(gateway: string, id: number, route: Route) {
    this.gateway = gateway;
    this.id = id;
    this.route = route;
  }
}
