#!/usr/bin/env bash
# Installs the MariaDB that the tests of core/sources/mysql start: Debian's own packages, as root. Does nothing where
# there is one. No server is left running: the tests start their own.
set -euo pipefail

if [ -n "${TIDEMARK_TEST_MYSQL_URL:-}" ] || command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "no mariadbd, and no way to install one here: apt-get, as root, is needed" >&2
  exit 1
fi

# whoever installs a server starts it, unless this says no
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends mariadb-server >/dev/null
/usr/sbin/mariadbd --version
