/**
 * Watch: flows that get a channel's presence instead of its frames, counted by gateway.
 */

import type { Attached, AttachOp, DetachOp } from '#wire/nodes.ts';
import { Crowd, crowded, leftOver } from './place.ts';
import type { Registration } from './registration.ts';
import type { Directory } from './table.ts';

export function watch<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  { channel, flow }: AttachOp,
): Attached {
  const crowd = crowded(directory.places.get(channel));
  directory.places.set(channel, crowd);
  registration.watched.add(channel);
  const flows = crowd.watchers.get(registration);
  if (flows === undefined) crowd.watchers.set(registration, new Set([flow]));
  else flows.add(flow);
  directory.events.watched(channel, registration.route);
  return {};
}

export function unwatch<Route>(
  directory: Directory<Route>,
  registration: Registration<Route>,
  { channel, flow }: DetachOp,
): void {
  const place = directory.places.get(channel);
  const flows = place instanceof Crowd ? place.watchers.get(registration) : undefined;
  if (flows === undefined || !flows.delete(flow) || flows.size > 0) return;
  registration.watched.delete(channel);
  stopWatching(directory, channel, registration);
}

export function stopWatching<Route>(
  { places }: Directory<Route>,
  channel: string,
  registration: Registration<Route>,
): void {
  const place = places.get(channel);
  if (!(place instanceof Crowd)) return;
  place.watchers.delete(registration);
  if (leftOver(place) === undefined) places.delete(channel);
}
