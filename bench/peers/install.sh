#!/bin/sh
# Installs what the benchmarks compare Dimmer with, at the versions written here and in package-lock.json, below this
# folder alone. What cannot be had is said, and `npm run bench -- … --peers` then prints it as not run.
#   bench/peers/install.sh          libraries and Cerbos from npm, and servers built from the Go module proxy where `go` is there
#   bench/peers/install.sh --npm    libraries and Cerbos alone
set -eu
cd "$(dirname "$0")"
OPA=v1.22.2
OPENFGA=v1.22.1

npm ci --workspaces=false --ignore-scripts
# Other versions of Node, for `npm run bench -- decision`.
(cd ../runtimes && npm ci --workspaces=false --ignore-scripts)

[ "${1:-}" = --npm ] && exit 0
if ! command -v go > /dev/null; then
  echo "not installed: OPA, OPA-wasm and OpenFGA, which need Go (https://go.dev)"
  exit 0
fi
mkdir -p bin

# build NAME VERSION PACKAGE: into bin, once; some two minutes of two cores each.
build() {
  if [ -x "bin/$1" ] && [ "$(cat "bin/$1.version" 2> /dev/null)" = "$2" ]; then
    echo "$1 $2 is here"
  elif GOBIN="$PWD/bin" go install "$3@$2"; then
    echo "$2" > "bin/$1.version"
  else
    echo "not installed: $1 $2 could not be built"
    return 1
  fi
}

build openfga "$OPENFGA" github.com/openfga/openfga/cmd/openfga || true
build opa "$OPA" github.com/open-policy-agent/opa || exit 0
./bin/opa build --target wasm --entrypoint dimmer/allow --output bin/policy.tar.gz policy.rego
tar -xzf bin/policy.tar.gz -C bin /policy.wasm
