#!/bin/sh
# Make the virtual environment $1 and install what the requirements files $2… want into it, only when they changed:
# exactly the locked versions, whose hashes are checked.
# Needs nothing but Python >= 3.11; PYTHON chooses one.
set -eu

venv=$1
shift
log="$venv/install.log"

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

has_venv() {
    "$1" -c 'import venv, ensurepip' 2>/dev/null
}

# The first that is new enough and, if there is one, has venv.
find_python() {
    found=
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
        if command -v "$candidate" >/dev/null 2>&1 && is_new_enough "$candidate"; then
            if has_venv "$candidate"; then
                found=$candidate
                break
            fi
            found=${found:-$candidate}
        fi
    done
    printf '%s\n' "$found"
}

describe_old_python() {
    for candidate in ${PYTHON:-python3 python}; do
        if version=$("$candidate" -V 2>&1); then
            printf '（现有的 %s 是 %s）' "$candidate" "$version"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    [ -n "$python" ] || fail "需要 Python 3.11 或更新的版本$(describe_old_python)。" \
        "请安装，例如 sudo apt install python3 python3-venv；装在别处时用 PYTHON=/路径/python3.12 make run 指明。"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    has_venv "$python" || fail \
        "$python 缺少 venv 模块，建不了虚拟环境。请执行：sudo apt install python$version-venv（其他系统请安装 python3-venv 或完整的 Python）。"
    echo "· 用 $python（Python $version）建立虚拟环境 $venv"
    output=$("$python" -m venv --clear "$venv" 2>&1) || fail \
        "建不了虚拟环境 $venv：$(printf '%s\n' "$output" | tail -n 1)" \
        "请检查当前用户能否写这个目录（曾用 root 运行过？ sudo chown -R $(id -un) . ）和磁盘空间，或换个位置：make run VENV=\$HOME/.venvs/bifang"
}

# What an installation depends on.
fingerprint() {
    { "$venv/bin/python" -V; cat "$1" "${1%.txt}.lock"; } | cksum
}

is_installed() {
    [ "$(cat "$venv/installed-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]
}

explain_pip() {
    network='NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|CERTIFICATE_VERIFY|Max retries|name resolution|Name or service|Could not fetch URL|HTTP error'
    if grep -qE "$network" "$log"; then
        fail "安装依赖失败：连不上软件源（$(grep -oE "$network" "$log" | head -n 1)）。可以换镜像或走代理再试：" \
            "  PIP_INDEX_URL=https://mirrors.aliyun.com/pypi/simple/ make run" \
            "  HTTPS_PROXY=http://代理地址:端口 make run" \
            "完整记录在 $log。"
    elif grep -qE 'DO NOT MATCH THE HASHES' "$log"; then
        fail "$(grep -A 6 'DO NOT MATCH' "$log")" "安装依赖失败：下载的文件与 ${1%.txt}.lock 中的校验和不一致，可能被篡改，没有安装。请换官方源再试：" \
            "  PIP_INDEX_URL=https://pypi.org/simple/ make run" "完整记录在 $log。"
    elif grep -qE 'No matching distribution|conflicting dependencies' "$log"; then
        fail "$(grep -E '^ERROR' "$log" | tail -n 1)" "安装依赖失败：软件源里没有需要的版本（镜像可能落后）。换官方源再试：" \
            "  PIP_INDEX_URL=https://pypi.org/simple/ make run" "完整记录在 $log。"
    elif grep -qE 'Errno 28|No space left' "$log"; then
        fail "安装依赖失败：磁盘空间不足（约需 1 GB）。"
    elif grep -qE 'Errno 13|Permission denied' "$log"; then
        fail "安装依赖失败：当前用户不能写 $venv。请执行：sudo chown -R $(id -un) $venv，或删除它再试。"
    fi
    fail "$(tail -n 15 "$log")" "安装依赖失败，完整记录在 $log。"
}

count_installed() {
    find "$venv" -maxdepth 5 -name '*.dist-info' 2>/dev/null | wc -l | tr -d ' '
}

# How far pip is with $1: packages found of those in the lock, then packages written. One line that moves in a
# terminal; elsewhere a line for each tenth.
show_progress() {
    total=$(grep -c '^[a-zA-Z0-9]' "${1%.txt}.lock")
    had=$(count_installed)
    shown=
    while kill -0 "$pip" 2>/dev/null; do
        sleep 0.5
        step=下载 most=$total
        done=$(grep -cE '^(Collecting|Processing|Requirement already|Ignoring)' "$log") || done=0
        if grep -q '^Installing collected' "$log"; then
            step=写入 most=$done done=$(($(count_installed) - had))
        fi
        if [ -t 1 ]; then
            printf '\r· 安装依赖 %s：%s %s/%s ' "$1" "$step" "$done" "$most"
        elif [ "$shown" != "$step$((done * 10 / (most + 1)))" ]; then
            shown="$step$((done * 10 / (most + 1)))"
            echo "· 安装依赖 $1：$step $done/$most"
        fi
    done
    [ ! -t 1 ] || echo
}

# The lock holds everything: pip need not look for what a package needs, and what is never imported is never compiled.
install() {
    : >"$log"
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_RETRIES=${PIP_RETRIES:-2} PIP_DEFAULT_TIMEOUT=${PIP_DEFAULT_TIMEOUT:-15} \
        "$venv/bin/python" -m pip install --no-deps --no-compile --require-hashes -r "${1%.txt}.lock" >"$log" 2>&1 &
    pip=$!
    # A program in the background does not hear Ctrl-C.
    trap 'kill "$pip" 2>/dev/null; wait "$pip" || :; exit 130' INT TERM HUP
    show_progress "$1"
    wait "$pip" || explain_pip "$1"
    trap - INT TERM HUP
    fingerprint "$1" >"$venv/installed-$1" || fail "写不了 $venv/installed-$1，请检查权限。"
    if [ "$1" = requirements-dev.txt ]; then
        fingerprint requirements.txt >"$venv/installed-requirements.txt"
    fi
}

# A virtual environment whose Python was upgraded or removed, or that was never finished, is made anew.
if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi
for requirements in "$@"; do
    is_installed "$requirements" || install "$requirements"
done
