#!/usr/bin/env bash
# Reads tables that Tidemark has published with readers that are not ours: PyIceberg, Iceberg's Java library, DuckDB.
#
#     test/readers/run.sh <folder> [options of vitest]
#
# The readers are installed into the folder where they are not there yet: see install.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
"$here/install.sh" "$1"
tools=$(cd "$1" && pwd)
shift

cd "$here/../.."
TIDEMARK_READERS="$tools" exec node node_modules/vitest/vitest.mjs run --config test/readers/vitest.config.ts "$@"
