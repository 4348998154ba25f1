#!/bin/sh
# Builds the Traefik that the tests start, at the version written here, from the Go module proxy into
# ~/.cache/dimmer-test-tools/bin, where tests look for it before PATH. Ten minutes of a core, and a program of 180 MB: it is
# asked for, and no part of `.ci/run`. Without it the tests print that Traefik was not run.
#   test/gateways/install-traefik.sh      needs Go (https://go.dev)
set -eu
VERSION=v3.6.12

bin="$HOME/.cache/dimmer-test-tools/bin"
if [ -x "$bin/traefik" ] && [ "$(cat "$bin/traefik.version" 2> /dev/null)" = "$VERSION" ]; then
  echo "Traefik $VERSION is here"
  exit 0
fi
sources=$(mktemp -d)
trap 'rm -rf "$sources"' EXIT
# Its go.mod replaces modules, which `go install` refuses: a copy of the module is built in its place.
module=$(go mod download -json "github.com/traefik/traefik/v3@$VERSION" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -r "$module/." "$sources"
chmod -R u+w "$sources"
mkdir -p "$bin"
(cd "$sources" && go build -buildvcs=false -trimpath -ldflags "-s -w" -o "$bin/traefik" ./cmd/traefik)
echo "$VERSION" > "$bin/traefik.version"
