"""The library: good and its reasons, columns, and many images in no time."""

import json
import time

import pytest

from focusnb.model.project import Project

FINE = {
    "ctf_resolution": 4.0, "ctf_score": 0.3, "defocus": 15000.0, "astigmatism": 100.0,
    "drift_range": 8.0, "iciness": 0.8, "mean_count": 1.0, "aligned": True,
}  # fmt: skip


def measured(project, image, **results):
    """Give an image the results of a batch."""

    def change(document):
        document["results"] |= {**FINE, **results}
        document["runs"]["measure"] = {"fingerprint": "x", "settings": "x"}

    project.change(image, change)


def row(project, number):
    return {row["id"]: row for row in project.rows()}[number]


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ({"ctf_resolution": 6.5}, "CTF resolution 6.5 Å > 6.0 Å"),
        ({"ctf_resolution": None}, "no Thon rings"),
        ({"defocus": 1500.0}, "defocus 0.15 µm < 0.20 µm"),
        ({"defocus": 80000.0}, "defocus 8.00 µm > 7.00 µm"),
        ({"astigmatism": 400.0}, "astigmatism 400 Å > 300 Å"),
        ({"drift_range": 70.0}, "drift 70 Å > 50 Å"),
        ({"iciness": 1.6}, "iciness 1.60 > 1.50"),
        ({"mean_count": 0.02}, "dark: 0.020 e/px < 0.100 e/px"),
        ({"aligned": False}, "the frames could not be aligned"),
        (
            {"iciness": 1.6, "mean_count": 0.02},
            "iciness 1.60 > 1.50; dark: 0.020 e/px < 0.100 e/px",
        ),
    ],
)
def test_what_is_not_good_says_why(project, results, reason):
    measured(project, 1, **results)
    assert (row(project, 1)["good"], row(project, 1)["reasons"]) == (False, reason)


def test_a_fine_image_is_good_without_reasons(project):
    measured(project, 1)
    assert (row(project, 1)["good"], row(project, 1)["reasons"]) == (True, None)


def test_what_is_not_measured_is_neither_good_nor_bad(project):
    assert row(project, 1)["good"] is None


def test_what_is_not_available_rejects_nothing(project):
    measured(project, 1, iciness=None, drift_range=None, aligned=None)
    assert row(project, 1)["good"] is True


def test_limits_are_values_of_the_project(project):
    measured(project, 1)
    project.set(good_ctf_resolution=3.5)
    assert row(project, 1)["reasons"] == "CTF resolution 4.0 Å > 3.5 Å"


def test_the_data_frame_has_a_row_per_image_and_its_keys_as_index(project):
    measured(project, 2)
    table = project.library
    assert list(table.index) == ["g1/0000000001", "g1/0000000002", "g2/0000000003"]
    assert list(table.columns[:5]) == ["group", "number", "name", "flag", "good"]
    assert table.loc["g1/0000000002", "ctf_resolution"] == 4.0
    assert table["ctf_resolution"].dtype == float


def test_an_empty_project_has_an_empty_library(tmp_path):
    project = Project.create(tmp_path / "empty", mode="drift")
    assert (len(project.library), project.select("flag == 'red'")) == (0, [])


def test_selections_see_results_inherited_values_and_verdicts(project):
    measured(project, 1)
    measured(project, 2, iciness=2.0)
    project.set(group="g1", prior_dose=3)
    assert [i.id for i in project.select("good")] == [1]
    assert [i.id for i in project.select("iciness > 1 and prior_dose == 3")] == [2]
    assert [i.id for i in project.select("voltage == 300 and recorded == 'x'")] == []


def test_a_reader_sees_what_another_process_changed(project):
    other = Project.open(project.root)
    _ = project.rows()
    other.flag(1, "red")
    other.trash(2)
    assert [(r["flag"], r["group"]) for r in project.rows()][:2] == [
        ("red", "g1"),
        ("none", "TRASH"),
    ]


def test_ten_thousand_images_are_no_burden(tmp_path):
    project = Project.create(tmp_path / "big", mode="single-particle")
    with project.store.transaction() as connection:
        document = {**project.document(project.add_image("a", "g", values={}).id), "results": FINE}
        document["runs"] = {"ctf": {"fingerprint": "x", "settings": "x"}}
        project.save_document(connection, 1, document)
        cells = connection.execute("select cells from image").fetchone()[0]
        connection.executemany(
            "insert into image (place, name, cells, document, revision) values ('g', ?, ?, ?, 1)",
            ((f"m{i}", cells, json.dumps(document)) for i in range(9_999)),
        )
    begun = time.monotonic()
    table = Project.open(project.root).library
    assert (len(table), table["good"].sum()) == (10_000, 10_000)
    assert time.monotonic() - begun < 20  # a guard only; benchmarks/ has the figures
