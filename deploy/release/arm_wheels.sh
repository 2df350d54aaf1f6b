#!/bin/sh
# Has every locked package a wheel for arm64 Linux? Nothing is built and nothing installed. $1: the Python.
set -eu
python=$1
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM HUP
for lock in requirements.lock requirements-reports.lock; do
    sed -n 's/^\([A-Za-z0-9][^ ]*==[^ ;\\]*\).*/\1/p' "$lock" | grep -vE '^(colorama|pywin32|portalocker)==' >"$fresh/wanted.txt" || :
    "$python" -m pip install --disable-pip-version-check -q --dry-run --no-deps --ignore-installed --target "$fresh/none" \
        --only-binary=:all: --implementation cp --python-version 3.11 \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 --platform linux_aarch64 \
        -r "$fresh/wanted.txt"
    echo "$lock：$(wc -l <"$fresh/wanted.txt") 个包都有 arm64 的 wheel"
done
