#!/bin/sh
# Write requirements.lock, requirements-dev.lock and requirements-reports.lock: every version and its hashes, for every supported Python.
# Versions that are locked stay where they can; to renew all of them, remove the files first.
set -eu

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT INT TERM HUP
for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    command -v "$candidate" >/dev/null 2>&1 && break
done
"$candidate" -m venv "$fresh/venv"
"$fresh/venv/bin/python" -m pip install --disable-pip-version-check -q uv==0.13.9
[ -z "${PIP_INDEX_URL:-}" ] || export UV_DEFAULT_INDEX="$PIP_INDEX_URL"

compile() {
    output=${1%.txt}.lock
    draft=$fresh/$output
    [ ! -e "$output" ] || cp "$output" "$draft"
    shift
    "$fresh/venv/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url "$@" "${output%.lock}.txt" -o "$draft"
    { echo '# Every version and its hashes, for every supported Python (make lock).'; grep -v '^#' "$draft"; } >"$output"
}

compile requirements-dev.txt
compile requirements.txt -c requirements-dev.lock
compile requirements-reports.txt -c requirements-dev.lock
