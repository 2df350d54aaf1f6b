#!/bin/sh
# Resolve requirements-dev.txt in a fresh environment and write every version to constraints.txt.
set -eu

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM HUP
for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    command -v "$candidate" >/dev/null 2>&1 && break
done
"$candidate" -m venv "$fresh/venv"
"$fresh/venv/bin/python" -m pip install --disable-pip-version-check -q -r requirements-dev.txt
{
    echo '# Every version of the tested set (make lock); requirements*.txt name what we ask for ourselves.'
    "$fresh/venv/bin/python" -m pip freeze
} >"$fresh/constraints.txt"
cp "$fresh/constraints.txt" constraints.txt
