#!/bin/sh
# Generates Python from proto/ and runs the tests of a client made of it:
#
#   run.sh SOURCE_ROOT CHATD CHATCTL
#
# Skipped (77) only when protoc or Debian's python3-protobuf or python3-websockets are
# missing.
set -eu

source=$1 chatd=$2 chatctl=$3
here=$(cd "$(dirname "$0")" && pwd)

python=
for candidate in /usr/bin/python3 python3; do
    if "$candidate" -c 'import google.protobuf, websockets' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "skipped: python3-protobuf or python3-websockets is not installed"
    exit 77
fi
if ! command -v protoc >/dev/null; then
    echo "skipped: protobuf-compiler is not installed"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/proto"
protoc -I "$source/proto" --python_out "$work/proto" \
    "$source/proto/libchat/v1/types.proto" "$source/proto/libchat/v1/client.proto"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$work/proto:$here" \
    "$python" "$here/test_peer.py" "$chatd" "$chatctl" "$work"
