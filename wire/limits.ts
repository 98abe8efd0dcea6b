/**
 * Limits: the bounds of the protocol itself, the same in every deployment.
 *
 * What an operator may choose is configuration and has its default there; what stands here is part of
 * the contract between clients and nodes, so a client may rely on it. Everything that can grow and is
 * not listed here has a bound in the configuration of the process that holds it.
 */

/** Bytes of UTF-8 in the name of a user, device or room. */
export const NAME_BYTES_MAX = 128;
/** Characters of a request's or frame's id, chosen by the client: `A-Z a-z 0-9 . _ ~ -`. */
export const ID_CHARS_MAX = 64;
/** Characters of a frame's `kind` and of a `call` id. */
export const LABEL_CHARS_MAX = 128;
/** Levels of arrays and objects in one message. */
export const NESTING_MAX = 64;
/** Cursors in one `hello`: the own channel and the rooms of a session. */
export const CURSORS_MAX = 257;
/** Bytes of the JSON text of a session's presence state. */
export const PRESENCE_STATE_BYTES_MAX = 1_024;
/** Characters of a token of any kind. */
export const TOKEN_CHARS_MAX = 8_192;
/** Milliseconds a frame lives unless its sender says otherwise. */
export const TTL_MS_DEFAULT = 30_000;
/** Milliseconds after which a router that holds a partition and is dead is replaced, at the latest. */
export const LEASE_MS_MAX = 12_000;
/**
 * Milliseconds the log keeps a frame at least, however short its time: for longer than a partition can be without a router. The
 * next one finds it and names its position, so that who should have had it is told.
 */
export const LOG_KEPT_MS_MIN = LEASE_MS_MAX + 3_000;
/** Partitions of a deployment unless configured otherwise; fixed for its life. */
export const PARTITIONS_DEFAULT = 64;
/** The largest number of partitions a deployment may have. */
export const PARTITIONS_MAX = 4_096;
/** The version of the envelope and of the messages between nodes that this release writes. */
export const NODE_VERSION = 1;
