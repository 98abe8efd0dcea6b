/** Collected: the line with which a process says that its garbage is gone. */
export const COLLECTED = '{"event":"bench.collected"}';
