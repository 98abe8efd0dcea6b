# One image for gateways, routers and operators' commands: `node gateway/main.ts`, `node router/main.ts`, `node ops/….ts`.
#
#     docker build --tag snowshed --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) .
#
# tools/image.sh builds it without an engine. BASE is any Debian trixie.
ARG BASE=debian:trixie-slim

# Node and the packages that run, without what builds them.
FROM ${BASE} AS packages
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates npm \
 && rm -rf /var/lib/apt/lists/*
# The authorities that npm trusts, for builds behind a proxy with its own.
ARG AUTHORITIES=/etc/ssl/certs/ca-certificates.crt
ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES}
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --loglevel=error
# The Node that the tests ran, and of the edge's binaries the one that it loads on this architecture.
RUN arch="$(node -p process.arch)" \
 && version="$(node -p 'require("./package.json").devDependencies.node')" \
 && npm install --prefix /node --no-save --ignore-scripts --loglevel=error "node-linux-${arch}@${version}" \
 && install -D -m 755 "/node/node_modules/node-linux-${arch}/bin/node" /out/node \
 && abi="$(/out/node -p process.versions.modules)" \
 && find node_modules/uWebSockets.js -name '*.node' ! -name "uws_linux_${arch}_${abi}.node" -delete \
 && find node_modules -type d -name test -prune -exec rm -rf {} + \
 && find node_modules -type f \( -name '*.map' -o -name '*.md' -o -name '*.d.ts' \) -delete

FROM ${BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="snowshed" \
      org.opencontainers.image.description="A gateway for the signaling of real-time calls" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.url="https://github.com/snowshed/snowshed" \
      org.opencontainers.image.source="https://github.com/snowshed/snowshed" \
      org.opencontainers.image.documentation="https://github.com/snowshed/snowshed/blob/main/docs/kubernetes.md" \
      org.opencontainers.image.base.name="debian:trixie-slim" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /out/node /usr/local/bin/node
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY wire ./wire
COPY runtime ./runtime
COPY bus ./bus
COPY router ./router
COPY gateway ./gateway
COPY client ./client
COPY ops ./ops
# Nobody in particular, and nothing of it is writable: a number, so that runAsNonRoot can tell.
USER 10001:10001
EXPOSE 7600 7601 7602 7611
STOPSIGNAL SIGTERM
ENTRYPOINT ["node"]
CMD ["gateway/main.ts"]
