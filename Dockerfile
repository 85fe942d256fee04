# The same image as hack/image.sh makes, for who has a container engine:
#   docker build --build-arg RBG_COMMIT=$(git rev-parse --short=7 HEAD) -t rolebasedgroup/rbgs-controller:0.8.0 .
# For another architecture: docker buildx build --platform linux/arm64 ... (the engine emulates it).
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3
WORKDIR /src
COPY hack/deps.sh hack/deps.sh
RUN ./hack/deps.sh build
COPY . .
ARG RBG_COMMIT=unknown SOURCE_DATE_EPOCH=0
RUN RBG_COMMIT=$RBG_COMMIT SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH ./hack/image.sh --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs/base/ /
COPY --from=build /rootfs/program/ /
USER 65532:65532
WORKDIR /
EXPOSE 8081 8443 9443
ENTRYPOINT ["/manager"]
