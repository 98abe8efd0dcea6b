/**
 * Setup: what the server of the page tells it of the service, as `/demo/setup.json`.
 */

export interface Setup {
  /** Whether a name is enough, because tokens are made here; else one has to be brought along. */
  readonly login: boolean;
  /** Where the service is, if not where the page came from. */
  readonly signaling?: string;
}
