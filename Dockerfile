# koredump: the servers, journalctl and koredumpctl, on Debian. See docs/operations.md, "The image".
#
#   docker build --build-arg VERSION=1.2.3 -t koredump/koredump:1.2.3 .
#
# BASE can be pinned (debian@sha256:…), or be another release: it decides how new journalctl is.
ARG BASE=debian:forky-slim

# What is JavaScript is the same for every platform, so it is built on the builder's own.
FROM --platform=${BUILDPLATFORM} ${BASE} AS build
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
      nodejs ca-certificates binutils binutils-multiarch >/dev/null \
 && corepack enable npm
# For networks in which a proxy looks into TLS: a file with its authority, mounted into the build.
ARG NODE_EXTRA_CA_CERTS
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
WORKDIR /src
COPY . .
RUN npm ci --no-audit --no-fund
ARG TARGETARCH
RUN scripts/image/build.sh /image

FROM ${BASE} AS runtime
COPY --from=build /image /image
COPY scripts/image/runtime.sh /
RUN /runtime.sh /image

FROM scratch
ARG VERSION=0.0.0
ARG REVISION=
LABEL name="koredump" \
      vendor="koredump" \
      version="${VERSION}" \
      release="1" \
      maintainer="https://github.com/koredump/koredump" \
      summary="Core dumps of a whole Kubernetes cluster" \
      description="Finds the core dumps that systemd-coredump keeps on each node, says which pod they are of and why it crashed, and gives them to those who may have them." \
      io.k8s.display-name="koredump" \
      io.k8s.description="Finds the core dumps that systemd-coredump keeps on each node, says which pod they are of and why it crashed, and gives them to those who may have them." \
      io.openshift.tags="coredump,debugging,crash" \
      org.opencontainers.image.title="koredump" \
      org.opencontainers.image.description="Core dumps of a whole Kubernetes cluster" \
      org.opencontainers.image.vendor="koredump" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/koredump/koredump" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=runtime /image /
ENV PATH=/usr/local/bin:/usr/bin
USER 65532:65532
# 5000 cluster, 5001 node, 8081 probes and metrics
EXPOSE 5000 5001 8081
ENTRYPOINT ["koredump-server"]
