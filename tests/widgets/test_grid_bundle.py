"""The bundled grid is what its sources give: built again, byte by byte."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

WIDGETS = Path(__file__).parents[2] / "widgets"
BUNDLE = WIDGETS / "focusnb_widgets" / "static" / "grid.min.js"

# Digest of the bundle's sources and of the bundle, for machines without npm or network. Once the
# bundle was made anew and the slow test below has passed, put in what the quick one tells.
DIGEST = "d6e7b0d9e0aa321ca76d6d46f0b466433026af645b1ac2824310340e3f59cf4e"


def test_neither_the_bundle_nor_its_sources_have_changed_alone():
    found = hashlib.sha256()
    sources = sorted(path for path in (WIDGETS / "src").rglob("*") if path.is_file())
    for path in (WIDGETS / "package.json", *sources, BUNDLE):
        found.update(path.read_bytes())
    assert found.hexdigest() == DIGEST, "make the bundle anew from its sources (npm run bundle)"


def test_versions_are_exact():
    needed = json.loads((WIDGETS / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert all(version[0].isdigit() for version in needed.values()), needed
    assert f"AG Grid Community {needed['ag-grid-community']}" in BUNDLE.read_text(encoding="utf-8")


def test_the_bundle_keeps_the_licence_and_asks_no_other_machine():
    text = BUNDLE.read_text(encoding="utf-8")
    assert "The MIT License" in text
    assert "fetch(" not in text
    assert "XMLHttpRequest" not in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed: apt install npm")
def test_the_bundle_is_made_of_its_sources(tmp_path):
    shutil.copy(WIDGETS / "package.json", tmp_path)
    shutil.copytree(WIDGETS / "src", tmp_path / "src")
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    try:
        got = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm packages did not come within two minutes")
    if got.returncode:
        pytest.skip(f"the npm packages cannot be had: {got.stderr.strip()[-300:]}")
    made = subprocess.run(["npm", "run", "bundle"], cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    built = (tmp_path / BUNDLE.relative_to(WIDGETS)).read_bytes()
    assert built == BUNDLE.read_bytes()
