#!/bin/sh
# Usage: build.sh DIRECTORY
# Builds koredump's files of the image for the platform TARGETARCH. Part of the Dockerfile.
set -eu
image=$1
case ${TARGETARCH:-$(dpkg --print-architecture)} in
  amd64) platform=linux-x64 ;;
  arm64) platform=linux-arm64 ;;
  *)
    echo "Platform $TARGETARCH is not supported: the npm package node has no current version for it." >&2
    exit 1
    ;;
esac
lib=$image/usr/local/lib/koredump
mkdir -p "$image/usr/bin" "$image/usr/local/bin" "$image/licenses" "$lib/server"

# fetch NAME DIRECTORY: an npm package in the version and with the hash of package-lock.json
fetch() { npx node scripts/fetch-locked.ts "$1" "$2"; }

# Without debug symbols, Node.js is one seventh smaller.
fetch "node-$platform" /tmp/node
strip -o "$image/usr/bin/node" /tmp/node/bin/node
npm run --silent build:cli-binary -- --platform "$platform" --node "$image/usr/bin/node" --out "$image/usr/local/bin/koredumpctl"

(cd packages/server && npx tsup --silent)
cp packages/server/dist/*.js "$lib/server/"
rm "$lib/server/index.js" # The program does not use the library.
# The image has no /usr/bin/env.
sed -i '1s|.*|#!/usr/bin/node|' "$lib/server/main.js"
chmod 755 "$lib/server/main.js"
ln -s ../lib/koredump/server/main.js "$image/usr/local/bin/koredump-server"
echo '{ "type": "module" }' >"$lib/package.json"

xattr=node_modules/@napi-rs/xattr
mkdir -p "$lib/$xattr"
cp "$xattr/package.json" "$xattr/index.js" "$xattr/LICENSE" "$lib/$xattr/"
fetch "@napi-rs/xattr-$platform-gnu" "$lib/$xattr-$platform-gnu"

cp LICENSE "$image/licenses/"
cp packages/server/dist/THIRD-PARTY-LICENSES.txt "$image/licenses/koredump-server"
mv "$image/usr/local/bin/koredumpctl.licenses.txt" "$image/licenses/koredumpctl"
cp /tmp/node/LICENSE "$image/licenses/node"
