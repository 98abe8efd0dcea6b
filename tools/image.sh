#!/usr/bin/env bash
# The image without an engine: buildah in a chroot, on a Debian trixie that mmdebstrap makes from the package archive. Then a
# router, two gateways and two clients of it exchange a frame (tools/image-trial.ts), and it says what it weighs.
#
#     tools/image.sh [FOLDER]     keeps the base there (default .cache/image); needs root, buildah and mmdebstrap
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "${1:-$root/.cache/image}"
work=$(cd "${1:-$root/.cache/image}" && pwd)
version=$(node -p 'require(process.argv[1]).version' "$root/package.json")
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-overlay}")
export BUILDAH_ISOLATION=chroot

if ! "${buildah[@]}" inspect --type image localhost/trixie > /dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase trixie "$work/trixie.tar"
  base=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add --quiet "$base" "$work/trixie.tar" / > /dev/null
  "${buildah[@]}" commit --quiet --rm "$base" localhost/trixie > /dev/null
  rm "$work/trixie.tar"
fi

"${buildah[@]}" build --quiet --layers=false --tag localhost/snowshed \
  --volume /etc/ssl/certs/ca-certificates.crt:/run/authorities.crt:ro --build-arg AUTHORITIES=/run/authorities.crt \
  --build-arg BASE=localhost/trixie --build-arg VERSION="$version" \
  --build-arg REVISION="$(git -C "$root" rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" \
  --file "$root/Dockerfile" "$root" > /dev/null

container=$("${buildah[@]}" from localhost/snowshed)
mkdir -p "$work/nats"
"$(cd "$root" && node_modules/node/bin/node tools/nats-server.ts)" --jetstream --addr 127.0.0.1 --port 17612 --store_dir "$work/nats" \
  > "$work/nats.log" 2>&1 &
nats=$!
trap 'kill $nats; rm -rf "$work/nats"; "${buildah[@]}" rm "$container" > /dev/null' EXIT
"${buildah[@]}" run --env NATS_URL=nats://127.0.0.1:17612 \
  --volume "$root/tools/image-trial.ts:/app/tools/image-trial.ts:ro" "$container" -- node tools/image-trial.ts

size() { "${buildah[@]}" images --format '{{.Size}}' "$1"; }
echo "localhost/snowshed $version: $(size localhost/snowshed), of which the base $(size localhost/trixie)"
