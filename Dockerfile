# The image: the binary on an empty root. Not built by the tests, which have no container engine: they assemble the same root
# with scripts/rootfs.sh and run it (scripts/image.sh).
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t litebox-partner:0.1.0 .
# A release names what it is built with by digest: --build-arg RUST=rust:1.95-bookworm@sha256:...
ARG RUST=rust:1.95-bookworm
FROM ${RUST} AS build
WORKDIR /source
COPY . .
ARG COMMIT
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    LITEBOX_COMMIT="$COMMIT" cargo build --locked --release --bin litebox-partner \
    && strip --strip-all -o /litebox-partner target/release/litebox-partner \
    && scripts/rootfs.sh /litebox-partner /image

FROM scratch
ARG COMMIT
LABEL org.opencontainers.image.title="litebox-partner" \
      org.opencontainers.image.description="Brings a shop from its tax number to a registered, fiscalized cash register" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$COMMIT" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
# A volume mounted here takes over who owns it.
COPY --from=build --chown=65532:65532 /image/data /data
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /data
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Where it listens when it is told to: by itself on loopback only, which leads nowhere from outside a container. The chart has its own way to say so, and a
# variable here would go over its file: LITEBOX_SERVER_LISTEN=0.0.0.0:50051, LITEBOX_METRICS_LISTEN=0.0.0.0:9464.
EXPOSE 50051 9464
ENTRYPOINT ["/usr/bin/litebox-partner"]
CMD ["serve"]
