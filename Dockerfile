# The images of Hubline's two programs, each with nothing beside it but the C library:
#
#   docker build --target receiver --tag hubline/receiver .
#   docker build --target worker --tag hubline/worker .
#
# Without network: `cargo vendor` first, then `docker build --network=none …` (the two base images
# must be there). A folder `vendor` in the context is all it takes.

# What Hubline is tested with. Any from 1.94 on can build it.
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-bookworm AS builder
WORKDIR /src
# The images carry no debug information; the workspace's own profile keeps line tables.
ENV CARGO_PROFILE_RELEASE_DEBUG=false \
    CARGO_PROFILE_RELEASE_STRIP=symbols
COPY . .
# Cargo's downloads and its target folder outlive the build, so that a change of Hubline compiles
# Hubline alone. What is compiled anew cargo tells by the files' times, and those of a checkout may be
# older than the last build: Hubline's own files are therefore always new.
RUN --mount=type=cache,id=hubline-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=hubline-target,target=/src/target,sharing=locked \
    set -eu; \
    find receiver shared worker -type f -exec touch {} +; \
    if [ -d vendor ]; then \
        set -- --offline \
            --config 'source.crates-io.replace-with="vendored"' \
            --config 'source.vendored.directory="vendor"'; \
    fi; \
    cargo build --locked --release --package receiver --package worker --bins "$@"; \
    mkdir -p /out/data; \
    cp target/release/receiver target/release/worker /out/

# This tag floats: each build takes the base as it is that day, with its security fixes. For builds that can be
# repeated pin what `docker buildx imagetools inspect gcr.io/distroless/cc-debian12:nonroot` names as its digest,
# `…:nonroot@sha256:<digest>`, and renew it with every release.
FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="Hubline"
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
STOPSIGNAL SIGTERM

FROM runtime AS receiver
LABEL org.opencontainers.image.title="hubline-receiver" \
      org.opencontainers.image.description="Takes HubSpot's signed webhooks in and answers 200 when the broker has them"
COPY --from=builder /out/receiver /usr/local/bin/receiver
# Deliveries; the admin listener, which is on 127.0.0.1 unless ADMIN_LISTEN says otherwise.
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/receiver", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/receiver"]

FROM runtime AS worker
LABEL org.opencontainers.image.title="hubline-worker" \
      org.opencontainers.image.description="Runs Hubline's handlers, its console, and everything an operator runs by hand"
COPY --from=builder /out/worker /usr/local/bin/worker
# Where `worker standalone` keeps its data file; mount a volume here.
COPY --from=builder --chown=65532:65532 /out/data /var/lib/hubline
WORKDIR /var/lib/hubline
# The console; the admin listeners of a worker and of a console.
EXPOSE 8090 9091 9092
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/worker", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/worker"]
CMD ["run"]
