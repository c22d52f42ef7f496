#!/usr/bin/env bash
# Makes the images that deploy/compose.local.yml names, for machines that reach Debian, Maven Central and the Go module
# proxy but no registry. Each is made once; downloads are kept in $SRE_CACHE (~/.cache/sre-space). Needs root, dockerd,
# debootstrap, a JDK with mvn, and Go. An image that is there is left alone: `docker rmi` it to have it made again.
# Beside them: compose v2 as $SRE_CACHE/compose-v2, which Debian's bookworm does not have, for the tests.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SRE_CACHE:-$HOME/.cache/sre-space}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
jaeger_version=v1.76.0 # the newest that the Go proxy serves with its own cmd/jaeger, which is Jaeger 2's code
compose_version=v2.40.3

need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing" >&2; exit 1; }
    done
}
there() { docker image inspect "$1" >/dev/null 2>&1; }
build() { # a context made of the given files; BuildKit is not asked for, Debian's docker.io has none
    local tag=$1 context
    shift
    context=$(mktemp -d "$cache/context.XXXXXX")
    cp -r "$@" "$context/"
    DOCKER_BUILDKIT=0 docker build --network host --quiet --tag "$tag" "$context"
    rm -rf "$context"
}

base() {
    need debootstrap
    local root
    root=$(mktemp -d "$cache/base.XXXXXX")
    trap 'rm -rf "$root"' RETURN
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,git,wget bookworm "$root" "$mirror" >&2
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
    chroot "$root" update-ca-certificates >&2
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt LANG=C.UTF-8' - "$1"
}
kafka() {
    need mvn
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$cache/kafka/jars"
    build "$1" "$here/kafka/Dockerfile" "$here/kafka/run.sh" "$cache/kafka/jars"
}
program() { # a file, made of a package of a Go module: `go install` refuses one with replace directives, so in a copy
    local file=$1 module=$2 package=$3 source
    [ ! -x "$file" ] || return 0
    need go
    source=$(mktemp -d "$cache/source.XXXXXX")
    cp -r "$(cd "$cache" && go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')/." "$source"
    chmod -R u+w "$source"
    mkdir -p "$(dirname "$file")"
    (cd "$source" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$file.part" "$package")
    mv "$file.part" "$file"
    rm -rf "$source"
}
jaeger() {
    program "$cache/jaeger/jaeger" "github.com/jaegertracing/jaeger@$jaeger_version" ./cmd/jaeger
    build "$1" "$here/jaeger/Dockerfile" "$cache/jaeger/jaeger"
}
prometheus() { build "$1" "$here/prometheus/Dockerfile"; }
chroma() { build "$1" "$here/chroma/Dockerfile" "$here/chroma/requirements.lock"; }

mkdir -p "$cache"
need docker
for part in base:bookworm kafka:4.1.1 "jaeger:$jaeger_version" prometheus:2.42 chroma:1.5.9; do
    tag=sre-space/local-$part
    if [ "$part" = base:bookworm ]; then tag=sre-space/base:bookworm; fi
    there "$tag" || "${part%%:*}" "$tag"
    echo "$tag"
done
program "$cache/compose-v2" "github.com/docker/compose/v2@$compose_version" ./cmd
