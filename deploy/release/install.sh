#!/bin/sh
# Install from this directory, without a network: sh install.sh [virtual environment, .venv here by default].
set -eu
cd "$(dirname "$0")"
venv=${1:-.venv}
sha256sum -c --quiet SHA256SUMS || { echo '文件与 SHA256SUMS 不一致，没有安装：请重新复制离线包。' >&2; exit 1; }
${PYTHON:-python3} -m venv "$venv" || { echo "建不了虚拟环境 $venv：需要带 venv 的 Python（见 deploy/README.md「离线安装」）。" >&2; exit 1; }
"$venv/bin/python" -m pip install --disable-pip-version-check -q --no-index --find-links wheels --no-deps --require-hashes -r requirements.lock || {
    echo "安装没有成功：这个离线包的 wheel 是为目录名里的 Python 版本和机器准备的，现在是 $("$venv/bin/python" -V)。用 PYTHON=/路径/python3.11 指明另一个。" >&2
    exit 1
}
echo "装好了：$venv。接着见 deploy/README.md「准备」，从 migrate 开始。"
