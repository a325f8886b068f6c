#!/bin/sh
# Build one image: build.sh TARGET TAG, with the first of docker, podman and buildah that works here, or ENGINE.
# BUILD_OPTIONS are passed on, for example `--build-arg PYTHON_IMAGE=…`.
set -eu
target=$1 tag=$2

works() {
    case $1 in
    docker | podman) "$1" info >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

for engine in ${ENGINE:-docker podman buildah}; do
    if works "$engine"; then
        # Only the Docker format can say what a health check is; docker itself knows no other.
        [ "$engine" = docker ] || BUILD_OPTIONS="--format docker ${BUILD_OPTIONS:-}"
        # shellcheck disable=SC2086  # several options
        exec "$engine" build ${BUILD_OPTIONS:-} --build-arg "SOURCE_COMMIT=$(git describe --always --dirty)" \
            --file deploy/image/Containerfile --target "$target" --tag "$tag" .
    fi
done
echo "make image needs docker, podman or buildah; none of them works here" >&2
exit 1
