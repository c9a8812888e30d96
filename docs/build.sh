#!/usr/bin/env bash
# Build the documentation from this checkout, warnings being errors:
#
#   bash docs/build.sh [FOLDER]     pages into FOLDER/html (default build/docs)
#
# HOPFIELD_DOCS_GALLERY=few runs two of the examples only, and none runs none: the pages of the others have no pictures.
# Nothing is kept from an earlier build. Where Sphinx is not importable, an environment of its own is made in FOLDER/venv
# (the one step that needs a package registry; PYTHON names the interpreter).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "${1-$root/build/docs}"
out=$(cd "${1-$root/build/docs}" && pwd)
python=${PYTHON-python3}

if ! "$python" -c "import sphinx, sphinx_gallery, mathjax" 2>"$out/import.log"; then
    if [ ! -x "$out/venv/bin/python" ]; then
        "$python" -m venv "$out/venv"
        "$out/venv/bin/pip" install --quiet "$root[docs]" -c "$root/constraints.txt"
        rm -rf "$root"/build/lib "$root"/build/bdist.* "$root"/*.egg-info
    fi
    python=$out/venv/bin/python
fi
rm -f "$out/import.log"

# What is documented is this checkout, whatever is installed and whatever the checkout is called.
rm -rf "$out/html" "$out/source" "$out/examples" "$out/doctrees" "$out/import"
mkdir "$out/import"
ln -s "$root" "$out/import/hopfield"
cp -r "$root/docs" "$out/source"
cp "$root/explore/page.html" "$out/source/_static/explore.html"
cp -r "$root/examples" "$out/examples"  # they leave their pictures where they run
export PYTHONPATH="$out/import" MPLBACKEND=agg PYTHONDONTWRITEBYTECODE=1
export HOPFIELD_DOCS_GALLERY="${HOPFIELD_DOCS_GALLERY-all}"
case $HOPFIELD_DOCS_GALLERY in all | few | none) ;; *) echo "HOPFIELD_DOCS_GALLERY is all, few or none." >&2; exit 2 ;; esac
export OMP_NUM_THREADS="${OMP_NUM_THREADS-1}"

"$python" -m sphinx -b html -W --keep-going -q -d "$out/doctrees" "$out/source" "$out/html"
rm -f "$out/html/_static/webpack-macros.html"  # a template of the theme, no page
if [ "$HOPFIELD_DOCS_GALLERY" = all ]; then ran=--examples; fi
"$python" "$out/source/_ext/check.py" "$out/html" ${ran-}
rm -rf "$out/source" "$out/examples" "$out/doctrees" "$out/import"
echo "The pages are in $out/html; begin with index.html. $SECONDS s."
