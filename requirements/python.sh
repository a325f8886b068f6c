# Run the arguments with the first of $PYTHON that is fit: in the range of pyproject.toml, and able to make environments.
bare=
for python in $PYTHON; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue
    "$python" -c 'import ensurepip, venv' 2>/dev/null && exec "$python" "$@"
    bare=${bare:-$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')}
done
if [ "$bare" ]; then
    echo "set-up: $bare has no venv module; install it (Debian, Ubuntu: apt-get install $bare-venv) and run make again" >&2
else
    echo "set-up: no Python 3.11, 3.12 or 3.13 among: $PYTHON; install one (Debian, Ubuntu: apt-get install python3-venv," \
        "macOS: brew install python@3.12) or name yours: make PYTHON=/path/to/python" >&2
fi
exit 1
