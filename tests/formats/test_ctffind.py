"""What ctffind and gCTF write: exact numbers of real files, hostile text, and what azimuth means."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from focusnb.errors import BrokenFile
from focusnb.formats import ctffind, gctf
from focusnb.kernels import ctf, lens

DATA = Path(__file__).parent.parent / "data"
TABLE = (DATA / "ctffind5.0.2_epu.txt").read_text()
CURVES = (DATA / "ctffind5.0.2_epu_avrot.txt").read_text()
PRINTED = (DATA / "ctffind5.0.2_epu_stdout.txt").read_text()
# The form of 4.1's file, as its public source writes it: one number less than with a tilt.
OLD = """\
# Output from CTFFind version 4.1.14, run on 2020-05-28 22:21:19
# Input file: average.mrc ; Number of micrographs: 2
# Columns: #1 - micrograph number; #2 - defocus 1 [Angstroms]; #3 - defocus 2; …
1.000000 15779.293457 15638.637207 -27.500006 1.570796 -0.115308 6.642923
2.000000 12000.000000 11000.000000 90.000000 0.000000 -nan inf
"""
FINAL = """\
\x1b[32m**********   LAST CYCLE   **********\x1b[0m

   Defocus_U   Defocus_V       Angle         CCC
    24000.50    24500.25      217.50    0.180000  Final Values

Resolution limit estimated by EPA: \x1b[31m 3.464 \x1b[0m
"""
EPA = """\
Resolution      |CTFsim|      EPA(Ln|F|)    EPA(Ln|F|-Bg)   CCC
  50.000   0.100   9.000  -0.500   1.000
  25.000   0.900   8.500   0.400   0.900
  10.000   0.200   8.000  -0.300   nan
"""


class TestTable:
    def test_the_real_one_is_read(self):
        (found,) = ctffind.results(TABLE)
        assert found == {
            "defocus": pytest.approx((27303.505859 + 27166.988281) / 2),
            "defocus_u": 27303.505859,
            "defocus_v": 27166.988281,
            "defocus_angle": pytest.approx(84.022745),
            "astigmatism": pytest.approx(136.517578),
            "phase_shift": 0.0,
            "ctf_score": 0.180204,
            "ctf_resolution": 3.481591,
        }

    def test_its_version_is_read_from_files_and_from_what_it_prints(self):
        assert ctffind.version(TABLE) == ctffind.version(CURVES) == "5.0.2"
        assert ctffind.version(PRINTED) == "5.0.2"
        assert ctffind.version(OLD) == "4.1.14"
        assert ctffind.version("libc version 2.31 is too old; Segmentation fault") is None

    def test_version_4_s_is_read_with_its_phase_shift_in_degrees(self):
        first, second = ctffind.results(OLD)
        assert (first["defocus_u"], first["defocus_angle"]) == (15779.293457, -27.500006)
        assert first["phase_shift"] == pytest.approx(90.0, abs=1e-4)
        assert (second["ctf_score"], second["ctf_resolution"]) == (None, None)

    def test_a_resolution_that_failed_is_none(self):
        assert ctffind.results("1 2e4 2e4 0 0 0.1 0.000000")[0]["ctf_resolution"] is None
        assert ctffind.results("1 2e4 2e4 0 0 0.1")[0]["ctf_resolution"] is None

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "no row of results"),
            ("# Output from CTFFind version 5.0.2\n", "no row of results"),
            ("1.0 27303.5 27166.9 84.0", "4 numbers, 6 or more are expected; it was cut off"),
            ("1.0 nan nan 84.0 0.0 0.1 3.4", "defocus nan and nan Å at 84° cannot be"),
            ("1.0 1e300 0 84.0 0.0 0.1 3.4", "cannot be"),
            ("1.0 2_7 2 84.0 0.0 0.1 3.4", "'1.0 2_7 2 84.0 0.0 0.1 3.4' is no line of numbers"),
            ("\x00\x01MRC", "is no line of numbers"),
        ],
    )
    def test_what_is_broken_is_told(self, text, told):
        with pytest.raises(BrokenFile, match=r"^diagnostic\.txt: ") as error:
            ctffind.results(text, "diagnostic.txt")
        assert told in str(error.value)


class TestCurves:
    def test_the_real_ones_are_read(self):
        (found,) = ctffind.curves(CURVES)
        assert {len(line) for line in found.values()} == {363}
        assert_allclose(found["frequencies"][[0, 1, -1]], [0, 0.001394, 0.504735])
        assert_allclose(found["profile"][[0, 1]], [3.234929, 3.143981])
        assert_allclose(found["model"][[0, 1]], [0.07, 0.073266])
        assert_allclose(found["quality"][[0, 24]], [1, 0.962251])

    def test_their_model_is_the_absolute_ctf_of_the_table(self):
        (found,), (fit,) = ctffind.curves(CURVES), ctffind.results(TABLE)
        s = found["frequencies"][:150]
        ours = np.abs(ctf.transfer(s, defocus_u=fit["defocus"], voltage=300))
        assert_allclose(found["model"][:150], ours, atol=0.05)

    def test_those_of_two_micrographs_are_read(self):
        assert len(ctffind.curves(CURVES + CURVES)) == 2

    def test_what_is_not_finite_is_nan(self):
        rows = ["0 0.1 0.2", *["1 -nan inf"] * 5]
        (found,) = ctffind.curves("\n".join(rows))
        assert_array_equal(found["profile"], [1, np.nan, np.nan])

    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            ([], "0 lines, 6 per micrograph"),
            (["0 0.1 0.2"] * 5, "5 lines, 6 per micrograph"),
            (["0 0.1 0.2"] * 5 + ["0 0.1"], "3, 3, 3, 3, 3, 2 numbers; it was cut off"),
            (["0"] * 6, "1, 1, 1, 1, 1, 1 numbers"),
            (["0 0.2 0.1"] * 6, "do not rise"),
            (["0 0.1 inf"] * 6, "do not rise"),
            (["0 0.1 x"] * 6, "is no line of numbers"),
        ],
    )
    def test_what_is_broken_is_told(self, rows, told):
        with pytest.raises(BrokenFile) as error:
            ctffind.curves("\n".join(rows), "diagnostic_avrot.txt")
        assert str(error.value).startswith("diagnostic_avrot.txt: ")
        assert told in str(error.value)


class TestGctf:
    def test_the_larger_defocus_is_u_and_the_angle_is_turned_with_it(self):
        found = gctf.results(FINAL)
        assert (found["defocus_u"], found["defocus_v"]) == (24500.25, 24000.50)
        assert found["defocus_angle"] == pytest.approx(217.5 + 90 - 360)
        assert (found["phase_shift"], found["ctf_score"]) == (0.0, 0.18)
        assert found["ctf_resolution"] == 3.464

    def test_a_phase_shift_stands_before_the_score_in_degrees(self):
        found = gctf.results(FINAL.replace("217.50 ", "217.50  88.0 "))
        assert (found["phase_shift"], found["ctf_score"]) == (88.0, 0.18)

    def test_what_it_did_not_find_is_none(self):
        text = FINAL.split("Resolution")[0].replace("0.180000", "-nan")
        assert gctf.results(text)["ctf_resolution"] is gctf.results(text)["ctf_score"] is None

    def test_the_last_values_count(self):
        first = "1.00 1.00 1.00 0.1  Final Values\n"
        assert gctf.results(first + FINAL)["ctf_score"] == 0.18

    def test_the_equiphase_average_is_read(self):
        found = gctf.curves(EPA)
        assert_allclose(found["frequencies"], [0.02, 0.04, 0.1])
        assert_allclose(found["profile"], [-0.5, 0.4, -0.3])
        assert_allclose(found["model"], [0.1, 0.9, 0.2])
        assert_allclose(found["quality"], [1.0, 0.9, np.nan])

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "no line with the Final Values"),
            ("  Final Values", "0 Final Values, 4 or 5 are expected"),
            ("1 2 3 Final Values", "3 Final Values"),
            ("nan 2 3 4 Final Values", "cannot be"),
            ("a b c d Final Values", "is no line of numbers"),
        ],
    )
    def test_a_broken_log_is_told(self, text, told):
        with pytest.raises(BrokenFile) as error:
            gctf.results(text, "average_gctf.log")
        assert told in str(error.value)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "it is no table of 5 columns"),
            (EPA[:-30], "it was cut off"),
            (EPA.replace("10.000", "30.000"), "do not fall"),
            (EPA.replace("10.000", "ten"), "is no line of numbers"),
        ],
    )
    def test_a_broken_average_is_told(self, text, told):
        with pytest.raises(BrokenFile) as error:
            gctf.curves(text, "average_EPA.log")
        assert told in str(error.value)


READERS = [
    (ctffind.results, TABLE),
    (ctffind.results, OLD),
    (ctffind.curves, "\n".join(line[:200].rsplit(" ", 1)[0] for line in CURVES.split("\n"))),
    (gctf.results, FINAL),
    (gctf.curves, EPA),
]


class TestHostile:
    """Whatever stands in a file: it is read, or told in a sentence."""

    def read(self, reader, text):
        try:
            found = reader(text, "file")
        except BrokenFile:
            return
        for one in found if isinstance(found, list) else [found]:
            assert all(v is None or np.ndim(v) or math.isfinite(v) for v in one.values())

    @pytest.mark.parametrize(("reader", "whole"), READERS)
    @given(data=st.data())
    def test_a_file_that_was_cut(self, reader, whole, data):
        self.read(reader, whole[: data.draw(st.integers(0, len(whole)))])

    @pytest.mark.parametrize(("reader", "whole"), READERS)
    @given(data=st.data())
    def test_a_file_that_was_changed(self, reader, whole, data):
        begin = data.draw(st.integers(0, len(whole)))
        new = data.draw(
            st.text(max_size=6) | st.sampled_from(["nan", "1e999", "-", "\n", "1e-320 "])
        )
        self.read(reader, whole[:begin] + new + whole[begin + data.draw(st.integers(0, 9)) :])

    @pytest.mark.parametrize("reader", [reader for reader, _ in READERS])
    @given(text=st.text())
    def test_any_text(self, reader, text):
        self.read(reader, text)


class TestConvention:
    """Direction (cos, sin) = (column, row) of the larger defocus, (−90°, 90°]."""

    @pytest.mark.parametrize(
        ("one", "two", "azimuth", "angle"),
        [
            (3, 2, 84, 84), (3, 2, -90, 90), (3, 2, 90, 90), (3, 2, 180, 0), (3, 2, 217.5, 37.5),
            (2, 3, 10, -80), (2, 3, 0, 90), (2, 3, -10, 80),
        ],
    )  # fmt: skip
    def test_the_angle_is_that_of_the_larger_defocus(self, one, two, azimuth, angle):
        found = ctffind.larger_first(one, two, azimuth)
        assert (found["defocus_u"], found["defocus_v"], found["defocus_angle"]) == (3, 2, angle)

    @given(*[st.floats(-1e5, 1e5)] * 2, st.floats(-1000, 1000))
    def test_defocus_stays_the_same_in_each_direction(self, one, two, azimuth):
        way = np.deg2rad(np.arange(0, 360, 15))  # from columns towards rows
        theirs = 0.5 * (one + two + np.cos(2 * (way - np.deg2rad(azimuth))) * (one - two))
        found = ctffind.larger_first(one, two, azimuth)
        ours = [found[word] for word in ("defocus_u", "defocus_v", "defocus_angle")]
        assert_allclose(lens.defocus_at(way, *ours), theirs, atol=1e-6)
        assert found["defocus_u"] >= found["defocus_v"]
        assert -90 < found["defocus_angle"] <= 90


class TestSpectrum:
    def test_the_measured_half_is_completed(self):
        rng = np.random.default_rng(3)
        power = np.abs(np.fft.fftshift(np.fft.fft2(rng.normal(size=(64, 64)))))
        drawn = power.astype(np.float32)
        drawn[:32, :32], drawn[:32, 32:] = 7, 8  # the fit, and the averaged rings
        assert_allclose(ctffind.spectrum(drawn)[1:], power[1:], rtol=1e-5)
        assert ctffind.spectrum(drawn).max() < 1e4
        assert not np.isin(ctffind.spectrum(drawn), [7, 8]).any()

    @pytest.mark.parametrize("shape", [(64, 32), (63, 63), (8, 8), (2, 64, 64), (64,)])
    def test_another_shape_is_refused(self, shape):
        with pytest.raises(BrokenFile, match="is not that of a spectrum"):
            ctffind.spectrum(np.zeros(shape, np.float32), "diagnostic.mrc")
