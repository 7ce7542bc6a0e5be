# What runs and nothing else: Node, the C and C++ libraries it loads, production dependencies with one
# platform's ONNX Runtime, the compiled server and the shipped model. No shell, no package manager.
#
#   docker build -t diegate .
#   docker buildx build --platform linux/amd64,linux/arm64 -t diegate .
#
# docs/container.md has the size of each layer and how the image is tried.

# The Node that .ci/run tests. A digest pins harder: --build-arg NODE_IMAGE=…/node@sha256:…
ARG NODE_IMAGE=docker.io/library/node:26.10.0-bookworm-slim

# Files of the image's own platform. No command runs in this stage, so that an image for arm64 is built on
# amd64 without emulation.
FROM $NODE_IMAGE AS platform

FROM --platform=$BUILDPLATFORM $NODE_IMAGE AS build
ARG TARGETARCH
WORKDIR /app

# Before the source, so that a change of the source does not install again. The secrets are for a site with
# a package mirror or a certificate authority of its own; they are optional and reach no layer.
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci

COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && rm dist/.tsbuildinfo && npm prune --omit=dev

# ONNX Runtime comes for five platforms (290 MB); source maps, types and the tests of dependencies never run.
RUN case "${TARGETARCH}" in \
      amd64) keep=x64 ;; \
      arm64) keep=arm64 ;; \
      *) echo "TARGETARCH: expected amd64 or arm64, found \"${TARGETARCH}\"" >&2; exit 1 ;; \
    esac; \
    set -e; \
    cd node_modules; \
    find onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 ! -path "*/linux/${keep}" -exec rm -r {} +; \
    find onnxruntime-node/bin/napi-v6 -mindepth 1 -maxdepth 1 -empty -delete; \
    test -f "onnxruntime-node/bin/napi-v6/linux/${keep}/libonnxruntime.so.1"; \
    find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) \
      ! -iname 'licen[cs]e*' -delete; \
    find . -type d \( -name test -o -name tests -o -name benchmark -o -name benchmarks -o -name examples \
      -o -name .github \) -prune -exec rm -r {} +

# Libraries by name: those that Node and ONNX Runtime load, and their records, so that a scanner sees them.
RUN --mount=type=bind,from=platform,target=/platform \
    case "${TARGETARCH}" in \
      amd64) triplet=x86_64-linux-gnu; loader=/lib64/ld-linux-x86-64.so.2 ;; \
      arm64) triplet=aarch64-linux-gnu; loader=/lib/ld-linux-aarch64.so.1 ;; \
    esac; \
    set -e; \
    mkdir -p /runtime && cd /runtime; \
    mkdir -p etc tmp usr/lib/${triplet} usr/lib64 usr/local/bin usr/share/doc var/lib/dpkg/status.d; \
    chmod 1777 tmp; \
    ln -s usr/lib lib && ln -s usr/lib64 lib64; \
    for library in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libgcc_s.so.1 libstdc++.so.6 \
      libatomic.so.1 "${loader##*/}"; do \
      cp -L "/platform/usr/lib/${triplet}/${library}" "usr/lib/${triplet}/"; \
    done; \
    ln -s "/lib/${triplet}/${loader##*/}" ".${loader}"; \
    for package in libc6 gcc-12-base libgcc-s1 libstdc++6 libatomic1; do \
      sed -n "/^Package: ${package}\$/,/^\$/p" /platform/var/lib/dpkg/status >"var/lib/dpkg/status.d/${package}"; \
      test -s "var/lib/dpkg/status.d/${package}"; \
    done; \
    for package in libc6 gcc-12-base; do \
      install -D -m 644 "/platform/usr/share/doc/${package}/copyright" "usr/share/doc/${package}/copyright"; \
    done; \
    if [ -f /platform/usr/local/LICENSE ]; then \
      install -D -m 644 /platform/usr/local/LICENSE usr/share/doc/nodejs/copyright; \
    fi; \
    cp /platform/usr/lib/os-release usr/lib/ && ln -s ../usr/lib/os-release etc/os-release; \
    echo 'hosts: files dns' >etc/nsswitch.conf; \
    echo 'diegate:x:65532:65532::/nonexistent:/nonexistent' >etc/passwd; \
    echo 'diegate:x:65532:' >etc/group; \
    install -m 755 /platform/usr/local/bin/node usr/local/bin/node

# Readable by any user, whatever the checkout's modes were.
COPY models models
RUN mkdir -p /server && mv package.json dist /server/ && chmod -R a+rX,go-w /server node_modules models

FROM scratch
LABEL org.opencontainers.image.title="diegate" \
      org.opencontainers.image.description="ONNX model server for the semiconductor test floor" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="UNLICENSED"
ENV PATH=/usr/local/bin \
    NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    MODEL_REPOSITORY=/app/models
WORKDIR /app
# What changes least comes first: a new server is a layer of its own, and a small one.
COPY --from=build /runtime/ /
COPY --from=build /app/node_modules node_modules
COPY --from=build /server/ ./
COPY --from=build /app/models models
# Mount a repository of your own here; without one the shipped model is served.
VOLUME /app/models
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "/app/dist/main.js", "health"]
# No npm and no shell in between, so that SIGTERM reaches the server; docker run diegate --help works too.
# Half of the memory for young objects that Node takes on its own: its collections are shorter, the server no slower.
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/dist/main.js"]
CMD ["serve"]
