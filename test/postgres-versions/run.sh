#!/usr/bin/env bash
# Reads from every major version of PostgreSQL that Tidemark is for, beside the one that the other tests run.
#
#     test/postgres-versions/run.sh <folder> [options of vitest]
#
# The servers are installed into the folder where they are not there yet: see install.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/install.sh" "$1"
servers=$(cd "$1" && pwd)
shift

cd "$here/../.."
TIDEMARK_POSTGRES_VERSIONS="$servers" exec node node_modules/vitest/vitest.mjs run \
  --config test/postgres-versions/vitest.config.ts "$@"
