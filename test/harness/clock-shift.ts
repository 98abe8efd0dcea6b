/**
 * Clock shift: lets the wall clock of one process go wrong by `CLOCK_SHIFT_MS`, as on a machine without NTP.
 *
 * Loaded before the process (`--import`), so that nothing in the service knows of it. The monotonic clock is
 * left alone, as the operating system leaves it alone when somebody sets the time.
 */

const shiftMs = Number(process.env['CLOCK_SHIFT_MS'] ?? 0);
const nowMs = Date.now;
Date.now = () => nowMs() + shiftMs;
