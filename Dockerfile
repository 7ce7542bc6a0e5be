# Compiles, and keeps what runs: dist/ and production dependencies with one platform's ONNX Runtime.
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build \
 && npm prune --omit=dev \
 && cd node_modules/onnxruntime-node/bin/napi-v6 \
 && find . -mindepth 1 -maxdepth 1 ! -name linux -exec rm -rf {} + \
 && find linux -mindepth 1 -maxdepth 1 ! -name "$(node -p process.arch)" -exec rm -rf {} +

FROM node:26.10.0-bookworm-slim
LABEL org.opencontainers.image.title="diegate" \
      org.opencontainers.image.description="ONNX model server for the semiconductor test floor" \
      org.opencontainers.image.licenses="UNLICENSED"
ENV NODE_ENV=production \
    ORT_DISABLE_TELEMETRY=1 \
    MODEL_REPOSITORY=/app/models
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY models models
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8000
# With TLS it needs PROBE_PORT: it knows no certificate.
HEALTHCHECK --interval=10s --timeout=2s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PROBE_PORT || process.env.PORT || 8000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Without npm or a shell in between, so that SIGTERM reaches the server.
CMD ["node", "dist/main.js"]
