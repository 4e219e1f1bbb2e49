#!/usr/bin/env bash
# Installs what the tests start and npm cannot bring: MariaDB (core/sources/mysql) and PgBouncer, Debian's own packages, as
# root; what is there already stays. No server is left running: the tests start their own.
set -euo pipefail

wanted=()
if [ -z "${TIDEMARK_TEST_MYSQL_URL:-}" ] && ! command -v mariadbd >/dev/null && [ ! -x /usr/sbin/mariadbd ]; then
  wanted+=(mariadb-server)
fi
[ -x /usr/sbin/pgbouncer ] || wanted+=(pgbouncer)
[ "${#wanted[@]}" -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "no ${wanted[*]}, and no way to install one here: apt-get, as root, is needed" >&2
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
apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
