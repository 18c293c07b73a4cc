# The commands in an image: docker build -t burnseq . && docker run --rm -v "$PWD:/work" burnseq burnseq doctor
#
# Without a network: run `cargo vendor --locked` beforehand, which puts all crates into vendor/, and have both images at hand;
# the first must have cmake, such as one made from it by `apt-get install cmake`.
#
# For NVIDIA GPUs: --build-arg FEATURES=cuda, with --build-arg RUNTIME_IMAGE=... an image that has NVRTC and CUDA's headers, and
# `docker run --gpus all`.
ARG BUILD_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
ARG FEATURES=""
RUN command -v cmake >/dev/null || \
    (apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*)
WORKDIR /src
COPY . .
RUN set -eu; \
    offline=""; \
    if [ -d vendor ]; then \
        mkdir -p .cargo; \
        printf '[source.crates-io]\nreplace-with = "vendored-sources"\n[source.vendored-sources]\ndirectory = "vendor"\n' >> .cargo/config.toml; \
        offline="--offline"; \
    fi; \
    cargo build --release --locked $offline -p burnseq-cli ${FEATURES:+--features "$FEATURES"}

FROM ${RUNTIME_IMAGE}
COPY --from=build /src/target/release/burnseq /src/target/release/preprocess /src/target/release/train /src/target/release/generate /usr/local/bin/
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/burnseq/
WORKDIR /work
CMD ["burnseq", "--help"]
