#!/bin/sh
# Write $2/bifang-VERSION-….tar.gz: the program, every wheel it needs, their checksums, the licences, and an installer that
# needs no network. $1: the Python of the virtual environment; the wheels are for its version and this kind of machine.
set -eu
python=$1
target=$2
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
kind=$("$python" -c 'import platform, sys; print("py%d%d-%s-%s" % (*sys.version_info[:2], platform.system().lower(), platform.machine()))')
name=bifang-$version-$kind
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM HUP
mkdir -p "$fresh/$name/wheels" "$target"
git archive HEAD | tar -x -C "$fresh/$name"
rm -rf "$fresh/$name/tests" "$fresh/$name/.ci"
"$python" -m pip download --disable-pip-version-check -q --no-deps --only-binary=:all: --require-hashes -r requirements.lock -d "$fresh/$name/wheels"
"$python" -m deploy.release.sbom "$fresh/$name"
cp deploy/release/install.sh "$fresh/$name/install.sh"
(cd "$fresh/$name" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS)
tar -C "$fresh" -cf - "$name" | gzip -1 >"$target/$name.tar.gz"
(cd "$target" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "$target/$name.tar.gz（$(du -h "$target/$name.tar.gz" | cut -f1)），校验和在旁边的 .sha256"
