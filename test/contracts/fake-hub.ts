/**
 * Fake hub: the other side of a transport in tests; it writes down what it is told and admits whom it is
 * told to.
 */

import type { Dialect, Flow, Knock, Opening, TransportEvents } from '#gateway/seams.ts';
import type { FaultCode } from '#wire/faults.ts';

export type Told =
  | {
      readonly kind: 'opened';
      readonly flow: Flow;
      readonly dialect: string;
      readonly bearer: string | undefined;
    }
  | { readonly kind: 'received'; readonly flow: Flow; readonly text: string; readonly binary: boolean }
  | { readonly kind: 'pinged'; readonly flow: Flow }
  | { readonly kind: 'drained'; readonly flow: Flow }
  | { readonly kind: 'closed'; readonly flow: Flow; readonly fault: FaultCode | undefined };

export class FakeHub implements TransportEvents {
  readonly told: Told[] = [];
  /** Refuses everybody for this. */
  refusal: FaultCode | undefined = undefined;
  /** Answers a message, from within the call. */
  reaction: (flow: Flow, text: string) => void = () => {};
  private waiting: { readonly look: () => void }[] = [];

  /** Connections that came, by listener. */
  readonly came = { main: 0, call: 0 };
  /** What is done with whoever connects. */
  doorkeeper: (knock: Knock) => boolean = () => true;

  knocked(knock: Knock): boolean {
    this.came[knock.listener] += 1;
    return this.doorkeeper(knock);
  }

  admit(_opening: Opening): FaultCode | undefined {
    return this.refusal;
  }

  opened(flow: Flow, dialect: Dialect): void {
    this.note({ kind: 'opened', flow, dialect: dialect.name, bearer: flow.opening.bearer });
  }

  received(flow: Flow, data: Uint8Array, binary: boolean, _sinceMs?: number): void {
    const text = Buffer.from(data).toString();
    this.note({ kind: 'received', flow, text, binary });
    this.reaction(flow, text);
  }

  pinged(flow: Flow): void {
    this.note({ kind: 'pinged', flow });
  }

  drained(flow: Flow): void {
    this.note({ kind: 'drained', flow });
  }

  closed(flow: Flow, fault: FaultCode | undefined): void {
    this.note({ kind: 'closed', flow, fault });
  }

  of<Kind extends Told['kind']>(kind: Kind): Extract<Told, { kind: Kind }>[] {
    return this.told.filter((told): told is Extract<Told, { kind: Kind }> => told.kind === kind);
  }

  /** The `count`th thing it is told of this kind, when it has been told. */
  async until<Kind extends Told['kind']>(kind: Kind, count = 1): Promise<Extract<Told, { kind: Kind }>> {
    for (;;) {
      const found = this.of(kind)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((look) => this.waiting.push({ look }));
    }
  }

  private note(told: Told): void {
    this.told.push(told);
    for (const { look } of this.waiting.splice(0)) look();
  }
}
