#!/bin/sh
# Says why no Python was good enough, and how to mend it.
bare=
for python in python3.14 python3.13 python3.12 python3.11 python3; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        bare=$(command -v "$python")
        break
    fi
done
{
    if [ -n "$bare" ]; then
        echo "$bare cannot make virtual environments: its modules venv and ensurepip are missing."
        version=$("$bare" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        default=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
        [ "$version" = "$default" ] && version=3
        echo "On Debian and Ubuntu:  sudo apt install python$version-venv"
    else
        echo "focusnb needs Python 3.11 or later; none of python3.14 ... python3.11, python3 is one that runs."
        echo "On Debian 12, Ubuntu 24.04 and later:  sudo apt install python3-venv"
        echo "On macOS:  brew install python"
    fi
    echo "Another Python can be named:  make PYTHON=/path/to/python3 ..."
} >&2
