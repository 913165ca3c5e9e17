# The image with koredump-server, koredumpctl and journalctl, based on Debian. See docs/operations/image.md.
#
#   docker build --build-arg VERSION=1.2.3 -t koredump/koredump:1.2.3 .
#
# BASE can be a pinned image (debian@sha256:…) or another release. It determines the version of journalctl.
ARG BASE=debian:forky-slim

# JavaScript is the same on every platform, so it is built on the platform of the builder.
FROM --platform=${BUILDPLATFORM} ${BASE} AS build
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
      nodejs ca-certificates binutils binutils-multiarch >/dev/null \
 && corepack enable npm
# For networks with a TLS proxy: a file with the CA of the proxy, mounted into the build.
ARG NODE_EXTRA_CA_CERTS
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
WORKDIR /src
COPY . .
# No package needs its scripts for this build.
RUN npm ci --ignore-scripts --no-audit --no-fund
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
      summary="Access to the core dumps of a Kubernetes cluster" \
      description="Finds the core dumps that systemd-coredump stores on each node, shows which pod crashed and why, and gives them to users with permission." \
      io.k8s.display-name="koredump" \
      io.k8s.description="Finds the core dumps that systemd-coredump stores on each node, shows which pod crashed and why, and gives them to users with permission." \
      io.openshift.tags="coredump,debugging,crash" \
      org.opencontainers.image.title="koredump" \
      org.opencontainers.image.description="Access to the core dumps of a Kubernetes cluster" \
      org.opencontainers.image.vendor="koredump" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/koredump/koredump" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=runtime /image /
ENV PATH=/usr/local/bin:/usr/bin
USER 65532:65532
# 5000: cluster server, 5001: node agent, 8081: probes and metrics
EXPOSE 5000 5001 8081
ENTRYPOINT ["koredump-server"]
