"""Filters, sort keys and rows of the library's page, run by a JavaScript engine."""

import json
import subprocess

import pytest

from focusnb_widgets.library import LibraryTable
from focusnb_widgets.source import module

pytestmark = pytest.mark.needs("node")
ROWS = """
const store = new LibraryStore();
const text = (values) => new TextEncoder().encode(JSON.stringify(values));
const kinds = { id: "i4", group: "json", name: "json", flag: "json", good: "f4", reasons: "json", stale: "json",
  error: "json", notes: "json", iciness: "f4", defocus: "f4", aligned: "f4", recorded: "f8" };
const heads = Object.entries(kinds).map(([word, as]) => ({ word, as }));
const at = (...parts) => new Date(...parts).getTime() / 1000;
const rows = (whole = true) => store.put(heads, [
  Int32Array.of(1, 2, 3, 4),
  text(["g1", "g1", "g2", "TRASH"]),
  text(["movie_9.tif", "movie_10.tif", "Grid two.tif", "none"]),
  text(["none", "red", "gold", "none"]),
  Float32Array.of(1, 0, NaN, 1),
  text([null, "iciness 2.40 > 1.50", null, null]),
  text([null, null, null, "ctf"]),
  text([null, null, null, null]),
  text([null, null, "no dose", null]),
  Float32Array.of(0.704, 2.4, NaN, -1),
  Float32Array.of(1.2, 2.004, NaN, 3),
  Float32Array.of(1, 0, NaN, 1),
  Float64Array.of(at(2026, 0, 1, 12), at(2026, 0, 2, 8), NaN, at(2026, 0, 3)),
], [], whole);
rows();
const specs = { iciness: ["number", 2], defocus: ["number", 2], name: ["text"], group: ["text"], flag: ["flag"],
  quality: ["quality"], aligned: ["yes"], recorded: ["time"] };
for (const [word, [kind, digits]] of Object.entries(specs)) specs[word] = { word, kind, digits };
const found = (word, filter) => {
  const test = filterOf(specs[word], filter);
  return [1, 2, 3, 4].filter((id) => test(store, store.index.get(id)));
};
const wrong = (word, filter) => {
  try { filterOf(specs[word], filter); return ""; } catch (error) { return error.message; }
};
const sorted = (word, descending = false) => [1, 2, 3, 4].sort((a, b) => {
  const [x, y] = [a, b].map((id) => store.key(specs[word], store.index.get(id)));
  return compareKeys(x, y, descending);
});
"""


@pytest.fixture
def run(tmp_path):
    def run(code):
        parts = module("part.js", "library_store.js", "library_filter.js")
        text = f"{parts}\n{ROWS}\nconsole.log(JSON.stringify({code}));"
        (tmp_path / "part.mjs").write_text(text, encoding="utf-8")
        told = subprocess.run(
            ["node", "part.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    return run


def test_the_whole_is_a_module_with_a_render_function(tmp_path):
    (tmp_path / "part.mjs").write_text(str(LibraryTable._esm), encoding="utf-8")
    ask = 'import("./part.mjs").then(m => console.log(typeof m.default.render))'
    told = subprocess.run(
        ["node", "--input-type=module", "-e", ask], cwd=tmp_path, capture_output=True, text=True
    )
    assert (told.stdout.strip(), told.stderr) == ("function", "")


FILTERS = {
    ("iciness", "< 1"): [1, 4],
    ("iciness", ">= 0.5 and < 3"): [1, 2],
    ("iciness", "0.5..2.4"): [1, 2],
    ("iciness", "-2..0"): [4],
    ("iciness", "..0 or > 2"): [2, 4],
    ("iciness", "≤ −1"): [4],
    ("iciness", "0.70"): [1],
    ("iciness", "!= 0.70"): [2, 4],
    ("iciness", "none"): [3],
    ("iciness", "any"): [1, 2, 4],
    ("defocus", "2.00"): [2],
    ("name", "MOVIE"): [1, 2],
    ("name", "movie 10"): [2],
    ("name", '"none"'): [4],
    ("name", "!movie"): [3, 4],
    ("name", "=movie_9.tif"): [1],
    ("name", "movie_9 | grid"): [1, 3],
    ("group", "g1"): [1, 2],
    ("flag", "red | gold"): [2, 3],
    ("flag", "none"): [1, 4],
    ("quality", "good"): [1, 4],
    ("quality", "bad"): [2],
    ("quality", "stale"): [4],
    ("quality", "iciness"): [2],
    ("quality", "note"): [3],
    ("quality", "dose"): [3],
    ("aligned", "no"): [2],
    ("recorded", "2026-01-02"): [2],
    ("recorded", "> 2026-01-01 12:30"): [2, 4],
    ("recorded", "2026-01-01..2026-01-02"): [1, 2],
}


def test_filters_find_what_they_say(run):
    asked = [f"found({json.dumps(word)}, {json.dumps(text)})" for word, text in FILTERS]
    assert dict(zip(FILTERS, run(f"[{', '.join(asked)}]"), strict=True)) == FILTERS


def test_a_filter_that_cannot_be_understood_says_why(run):
    asked = [
        ("iciness", "< five"),
        ("iciness", ">"),
        ("iciness", "7..3"),
        ("aligned", "maybe"),
        ("recorded", "yesterday"),
    ]
    told = run("[" + ", ".join(f"wrong({json.dumps(w)}, {json.dumps(t)})" for w, t in asked) + "]")
    assert told == [
        "“five” is no number; write e.g. < 5, 3..7, >= 3 and < 7, none",
        "a number is missing; write e.g. < 5 or 3..7",
        "7..3: the first number is the larger one",
        "maybe: write yes, no or none",
        "yesterday: write a time as 2026-11-28 or 2026-11-28 14:05",
    ]


def test_what_is_not_available_comes_last_either_way(run):
    assert run("[sorted('iciness'), sorted('iciness', true)]") == [[4, 1, 2, 3], [2, 1, 4, 3]]


def test_numbers_within_names_count_by_size_and_flags_by_colour(run):
    assert run("sorted('name')") == [3, 1, 2, 4]
    assert run("sorted('flag')")[:2] == [2, 3]


def test_rows_are_changed_removed_and_their_places_used_again(run):
    told = run(
        """(() => {
          const again = rows(true);
          const less = store.put(heads.slice(0, 2), [Int32Array.of(5), text(["g9"])], [2], false);
          const ids = (all) => all.map((row) => row.id);
          const i = store.index.get(5);
          return [again.added.length, again.changed.length, ids(less.removed), ids(less.added), store.size,
            store.text("group", i), store.value("iciness", i), store.text("name", i)];
        })()"""
    )
    assert told == [0, 4, [2], [5], 4, "g9", None, ""]
