#!/bin/sh
# Programs that only tests need. Installed from Debian where CI is set and we are root; elsewhere
# one line says what is missing: the tests that need it are skipped and say so.

PATH=$PATH:/usr/sbin:/sbin  # nginx is kept there

missing=
for pair in chromium:chromium chromium:fonts-liberation relion_preprocess:relion csh:tcsh nginx:nginx node:nodejs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if [ -z "$CI" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "tests that need a program which is not here are skipped; on Debian and Ubuntu: sudo apt install$missing"
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
for try in 1 2 3; do
    if apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
    echo "apt-get did not succeed (try $try of 3)" >&2
    sleep $((try * 5))
done
# One package that cannot be had must not keep the others away.
for package in $missing; do
    apt-get install -qq -y --no-install-recommends "$package" >/dev/null || echo "$package could not be installed" >&2
done
exit 0  # the tests that need what is still missing fail, each with its reason
