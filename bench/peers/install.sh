#!/bin/sh
# Installs what the benchmarks compare Dimmer with, at the versions written here and in package-lock.json, below this
# folder alone. What cannot be had is said, and `npm run bench -- … --peers` then prints it as not run.
#   bench/peers/install.sh          libraries from npm, and servers built from the Go module proxy where `go` is there
#   bench/peers/install.sh --npm    libraries alone
set -eu
cd "$(dirname "$0")"
OPA=v1.22.2

npm ci --workspaces=false --ignore-scripts

[ "${1:-}" = --npm ] && exit 0
if ! command -v go > /dev/null; then
  echo "not installed: OPA and OPA-wasm, which need Go (https://go.dev)"
  exit 0
fi
mkdir -p bin
if [ -x bin/opa ] && [ "$(cat bin/opa.version 2> /dev/null)" = "$OPA" ]; then
  echo "OPA $OPA is here"
elif GOBIN="$PWD/bin" go install "github.com/open-policy-agent/opa@$OPA"; then
  echo "$OPA" > bin/opa.version
else
  echo "not installed: OPA $OPA could not be built"
  exit 0
fi
./bin/opa build --target wasm --entrypoint dimmer/allow --output bin/policy.tar.gz policy.rego
tar -xzf bin/policy.tar.gz -C bin /policy.wasm
