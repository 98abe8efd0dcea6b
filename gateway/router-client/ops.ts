/**
 * Directory operations: what is queued for one partition's owner, in the order it happened.
 */

import type { DirectoryOp } from '#wire/nodes.ts';
import type { Attachment } from '../seams.ts';

export interface QueuedOp {
  readonly op: DirectoryOp;
  /** Of an attach: whom its answer is for. */
  readonly attachment: Attachment | undefined;
}

export function attachOp(attachment: Attachment): QueuedOp {
  const { channel, flow, session, user, device, watch, mode, order, state } = attachment;
  const op: DirectoryOp = {
    op: 'attach',
    channel,
    flow,
    session,
    user,
    device,
    ...(mode !== undefined && { mode }),
    ...(order !== undefined && { order }),
    ...(watch && { watch }),
    ...(state !== undefined && { state }),
  };
  return { op, attachment };
}

export function detachOp({ channel, flow, session, watch }: Attachment, left: boolean): QueuedOp {
  return {
    op: { op: 'detach', channel, flow, session, left, ...(watch && { watch }) },
    attachment: undefined,
  };
}

export function stateOp({ channel, session, state = 'null' }: Attachment): QueuedOp {
  return { op: { op: 'state', channel, session, state }, attachment: undefined };
}

/** About how many bytes the operation takes in a request. */
export function opBytes(op: DirectoryOp): number {
  const bytes = 128 + op.channel.length + op.session.length;
  if (op.op === 'state') return bytes + op.state.length;
  return op.op === 'attach' ? bytes + op.user.length + op.device.length + (op.state?.length ?? 0) : bytes;
}

export interface OpQueue {
  readonly length: number;
  push(op: QueuedOp): void;
  /** Forgets what is queued; these come instead. */
  reset(ops: readonly QueuedOp[]): void;
  /** The oldest operations, at least one where there is one, of about so many bytes at most. */
  take(bytesMax: number): QueuedOp[];
}

export function createOpQueue(): OpQueue {
  let queued: QueuedOp[] = [];
  return {
    get length() {
      return queued.length;
    },
    push(op) {
      queued.push(op);
    },
    reset(ops) {
      queued = [...ops];
    },
    take(bytesMax) {
      let bytes = 0;
      let count = 0;
      while (count < queued.length && (count === 0 || bytes < bytesMax))
        bytes += opBytes(queued[count++]!.op);
      return queued.splice(0, count);
    },
  };
}
