/**
 * Rendezvous: which of the live routers a partition belongs to, without anybody assigning it.
 *
 * Each router weighs every partition by a hash of both; the heaviest takes it (highest random weight,
 * Thaler and Ravishankar 1998). All who see the same routers agree, and when one joins or goes, only the
 * partitions it takes or leaves behind move.
 *
 * Pure.
 */

/** The router that a partition belongs to, or `undefined` where there is none. */
export function desiredOwner(routers: readonly string[], partition: number): string | undefined {
  let owner: string | undefined;
  let heaviest = -1;
  for (const router of routers) {
    const weight = weightOf(router, partition);
    if (weight > heaviest || (weight === heaviest && router < owner!)) {
      heaviest = weight;
      owner = router;
    }
  }
  return owner;
}

/** FNV-1a over the router's id, mixed with the partition by the finalizer of MurmurHash3. */
function weightOf(router: string, partition: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < router.length; i++) hash = Math.imul(hash ^ router.charCodeAt(i), 0x01000193);
  return mixed(mixed(hash) ^ Math.imul(partition + 1, 0x9e3779b1));
}

function mixed(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
