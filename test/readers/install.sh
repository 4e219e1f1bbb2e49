#!/usr/bin/env bash
# Installs the readers of run.sh into a folder (300 MB), by pip and Maven, where they are not there yet. It needs Python 3.10 or
# later, a JDK from 17 on and Maven.
#
#     test/readers/install.sh <folder>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
tools=$(cd "$1" && pwd)

if ! cmp -s "$here/requirements.txt" "$tools/requirements.txt"; then
  python3 -m venv --clear "$tools/python"
  "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$tools/"
fi
if ! cmp -s "$here/pom.xml" "$tools/pom.xml"; then
  rm -rf "$tools/jars"
  mvn --quiet --batch-mode -f "$here/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$tools/jars"
  cp "$here/pom.xml" "$tools/"
fi
