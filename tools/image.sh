#!/usr/bin/env bash
# The image without an engine: buildah in a chroot, on a Debian trixie that mmdebstrap makes from the package archive.
# Then it is run once, as a stranger and on a root that cannot be written to, and says what it weighs.
#
#     tools/image.sh [FOLDER]     keeps its layers there (default .cache/image); needs root, buildah, mmdebstrap
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "${1:-$root/.cache/image}"
work=$(cd "${1:-$root/.cache/image}" && pwd)
version=$(node -p 'require(process.argv[1]).version' "$root/package.json")
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs)
export BUILDAH_ISOLATION=chroot

if ! "${buildah[@]}" inspect --type image localhost/trixie > /dev/null 2>&1; then
  mmdebstrap --quiet --variant=minbase trixie "$work/trixie.tar"
  base=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add --quiet "$base" "$work/trixie.tar" / > /dev/null
  "${buildah[@]}" commit --quiet --rm "$base" localhost/trixie > /dev/null
  rm "$work/trixie.tar"
fi

"${buildah[@]}" build --quiet --layers --tag localhost/snowshed \
  --volume /etc/ssl/certs/ca-certificates.crt:/run/authorities.crt:ro --build-arg AUTHORITIES=/run/authorities.crt \
  --build-arg BASE=localhost/trixie --build-arg VERSION="$version" \
  --build-arg REVISION="$(git -C "$root" rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)" \
  --file "$root/Dockerfile" "$root" > /dev/null

size() { "${buildah[@]}" images --format '{{.Size}}' "$1"; }
echo "localhost/snowshed $version: $(size localhost/snowshed), of which the base $(size localhost/trixie)"
