"""What every step must keep: inherit StepContract and give `name`."""

import json
import shutil
from pathlib import Path

from makers import WORDS

from focusnb.batch.task import Task, run
from focusnb.model.registry import Registry
from focusnb.model.step import CATEGORIES

UPSTREAM = "prepare motion ctf measure pick previews".split()


def perform(folder, movie, steps, /, *, force=True, scripts=(), **values):
    """Run steps on a movie in a folder of its own, as a worker does; give the outcome."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = movie.parent
    known = {
        "movie": str(movie),
        "gain": str(beside / "gain.mrc"),
        "defects": str(beside / "defects.txt"),
        "pixel_size": 1.0,
        **WORDS,
    }
    known |= values
    task = Task(
        image=1, group="g", name=movie.name, home=str(folder), scratch=str(folder / ".try-1-1"),
        steps=tuple(steps), values={k: v for k, v in known.items() if v is not None},
        scripts=tuple(map(str, scripts)), force=force,
    )  # fmt: skip
    return run(task)


def results(outcome):
    """All results of an outcome, by word."""
    return {word: value for one in outcome.runs for word, value in one.results.items()}


def files(folder):
    return {str(p.relative_to(folder)) for p in Path(folder).rglob("*") if not p.is_dir()}


class StepContract:
    """Declaration complete, values checked, results as declared, same again, nothing left behind."""

    name = ""
    changes = frozenset()  # results that need not be the same again

    @property
    def step(self):
        return Registry().step(self.name)

    def needed(self):
        """The step and those before it."""
        number = UPSTREAM.index(self.name) if self.name in UPSTREAM else 1
        return [*UPSTREAM[:number], self.name]

    def test_its_declaration_is_complete(self):
        step = self.step
        assert step.title
        assert not step.title.endswith(".")
        assert step.help
        assert step.category in CATEGORIES
        assert all(p.label and (p.unit or p.type not in ("int", "float")) for p in step.params)
        assert all(r.made for r in step.results)

    def test_what_it_cannot_do_without_is_asked_for(self, tmp_path, recorded_movie):
        missing = sorted(p.name for p in self.step.params if p.name in self.step.required)
        home = tmp_path / "1"
        outcome = perform(home, recorded_movie, [self.name], **dict.fromkeys(missing))
        assert (outcome.state, outcome.step) == ("failed", self.name)
        assert any(
            f"{word} has no value, and {self.name} needs one" in outcome.message for word in missing
        )

    def test_its_results_are_those_declared(self, done):
        outcome, _ = done(self.needed())
        assert (outcome.state, outcome.message) == ("done", "")
        assert set(outcome.runs[-1].results) == set(self.step.makes)
        assert json.loads(json.dumps(dict(outcome.runs[-1].results)))

    def test_the_same_input_gives_the_same_again(self, done, tmp_path, recorded_movie):
        outcome, _ = done(self.needed())
        again = perform(tmp_path / "again", recorded_movie, self.needed())
        kept = {w: v for w, v in again.runs[-1].results.items() if w not in self.changes}
        assert kept == {w: outcome.runs[-1].results[w] for w in kept}
        assert again.runs[-1].fingerprint != "" != outcome.runs[-1].fingerprint

    def test_it_writes_only_into_the_folder_of_its_try(self, done, recorded_movie):
        outcome, home = done(self.needed())
        assert files(home) == {f".try-1-1/{name}" for name in files(outcome.scratch)}
        assert files(recorded_movie.parent) == {"movie.tif", "gain.mrc", "defects.txt"}
        kept = {name for name in files(outcome.scratch) if not Path(name).parts[0].startswith(".")}
        assert kept == set(outcome.files)

    def test_it_can_be_cancelled(self, tmp_path, recorded_movie):
        home = tmp_path / "1"
        (home / ".try-1-1").mkdir(parents=True)
        (home / ".try-1-1" / ".cancel").touch()
        outcome = perform(home, recorded_movie, self.needed())
        assert (outcome.state, outcome.runs) == ("cancelled", ())
        shutil.rmtree(home)
