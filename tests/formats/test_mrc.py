"""MRC files of all modes, orders and headers, made by us, by mrcfile and byte by byte."""

import tempfile
import warnings
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from contracts.formats import FormatContract
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from focusnb import formats
from focusnb.errors import BadValue, BrokenFile
from focusnb.formats import mrc

DATA = Path(__file__).parent.parent / "data"
IMOD = (1146047817).to_bytes(4, "little")


def patch(path, place, values, dtype="<i4"):
    data = bytearray(path.read_bytes())
    new = np.asarray(values, dtype).tobytes()
    data[place : place + len(new)] = new
    path.write_bytes(bytes(data))


def by_hand(path, mode, shape, pixels, extended=b"", kind=b"", extra=()):
    """An MRC file as other programs write it."""
    frames, y, x = shape
    head = bytearray(1024)
    head[:16] = np.array([x, y, frames, mode], "<i4").tobytes()
    head[92:96] = np.array([len(extended)], "<i4").tobytes()
    head[104:108] = kind.ljust(4, b"\0")
    head[208:216] = b"MAP DD\0\0"
    for place, value in extra:
        head[place : place + len(value)] = value
    path.write_bytes(bytes(head) + extended + pixels)
    return path


class TestMrc(FormatContract):
    reader, suffix = mrc.reader, ".mrc"

    def swapped(self, path, array):
        with mrcfile.new(path) as file:
            file.set_data(array.astype(array.dtype.newbyteorder(">")))

    def absurd(self, path):
        patch(path, 0, [1_000_000, 1_000_000])

    def odd(self, path):
        path.write_bytes(path.read_bytes() + b"more")


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.int16, np.uint16, np.float32, np.complex64]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=7),
    )
)
def test_any_array_comes_back_bit_for_bit(array):
    with tempfile.TemporaryDirectory() as folder:
        path = formats.write(Path(folder, "a.mrcs"), array)
        again = formats.read(path)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("piece", [1 << 30, 1000], ids=["whole", "in pieces"])
def test_frames_are_read_where_the_system_has_no_preadv(tmp_path, monkeypatch, piece):
    array = np.random.default_rng(1).integers(-9, 9, (3, 40, 50)).astype(np.int16)
    path = formats.write(tmp_path / "a.mrcs", array)
    monkeypatch.delattr(mrc.os, "preadv")
    monkeypatch.setattr(mrc, "PIECE", piece)
    with formats.open(path) as stack:
        np.testing.assert_array_equal(np.array(list(stack)), array)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 100)
        with pytest.raises(BrokenFile, match="ended within frame 2"):
            stack.frame(2)


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [(0, "i1"), (1, "<i2"), (2, "<f4"), (4, "<c8"), (6, "<u2"), (12, "<f2")],
)
def test_each_mode_is_read_in_its_type(tmp_path, mode, dtype):
    pixels = (np.arange(30).reshape(2, 3, 5) - (0 if "u" in dtype else 9)).astype(dtype)
    path = by_hand(tmp_path / "a.mrc", mode, (2, 3, 5), pixels.tobytes())
    np.testing.assert_array_equal(formats.read(path), pixels)


@pytest.mark.parametrize("width", [6, 7])
def test_four_bit_rows_begin_with_the_lower_half_and_end_with_a_whole_byte(tmp_path, width):
    pixels = np.random.default_rng(1).integers(0, 16, (2, 3, width)).astype(np.uint8)
    even = np.pad(pixels, ((0, 0), (0, 0), (0, width % 2)))
    packed = even[..., 0::2] | even[..., 1::2] << 4
    path = by_hand(tmp_path / "a.mrc", 101, pixels.shape, packed.tobytes())
    np.testing.assert_array_equal(formats.read(path), pixels)


@pytest.mark.parametrize(("mode", "dtype", "width"), [(101, "uint8", 7), (12, "float16", 7)])
def test_a_stack_of_half_bytes_or_half_floats_tells_its_shape_and_gives_each_frame(
    tmp_path, mode, dtype, width
):
    pixels = np.random.default_rng(1).integers(0, 16, (3, 5, width)).astype(dtype)
    stored = pixels
    if mode == 101:
        even = np.pad(pixels, ((0, 0), (0, 0), (0, 1)))
        stored = even[..., 0::2] | even[..., 1::2] << 4
    with formats.open(by_hand(tmp_path / "a.mrc", mode, pixels.shape, stored.tobytes())) as stack:
        assert (stack.shape, stack.dtype) == (pixels.shape, dtype)
        np.testing.assert_array_equal(stack.frame(1), pixels[1])
        np.testing.assert_array_equal(stack.frame(-1), pixels[2])


def test_four_bits_in_bytes_are_twice_as_many_columns_by_imods_flag(tmp_path):
    flags = [(152, IMOD), (156, bytes([16]))]
    path = by_hand(tmp_path / "a.mrc", 0, (1, 1, 2), bytes([0x21, 0x43]), extra=flags)
    np.testing.assert_array_equal(formats.read(path), [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("extra", "value"),
    [((), -56), (((152, IMOD),), 200), (((152, IMOD), (156, b"\1")), -56)],
    ids=["plain", "IMOD without sign", "IMOD with sign"],
)
def test_bytes_have_a_sign_unless_imod_says_no(tmp_path, extra, value):
    path = by_hand(tmp_path / "a.mrc", 0, (1, 2, 2), bytes([200] * 4), extra=extra)
    assert formats.read(path)[0, 0] == value


def test_epus_header_tells_pixel_size_dose_tension_tilt_and_time():
    with formats.open(DATA / "epu2.9_piece.mrc") as stack:
        assert stack.pixel_size == pytest.approx(0.66655, abs=1e-5)
        assert stack.facts["voltage"] == 300
        assert stack.facts["exposure_dose"] == pytest.approx(41.17, abs=0.005)
        assert stack.facts["tilt_angle"] == pytest.approx(-0.0119, abs=1e-4)
        assert stack.facts["defocus_target"] == 22000
        assert stack.facts["recorded"] == "2020-11-03T17:36:04"
        assert stack.frame(0).mean() == pytest.approx(5600, abs=100)


def test_an_fei_header_in_the_other_byte_order_tells_the_same(tmp_path):
    with mrcfile.open(DATA / "epu2.9_piece.mrc") as file:
        header = file.indexed_extended_header.copy()
        pixels = file.data.copy()
    swapped = header.astype(header.dtype.newbyteorder(">"))
    with mrcfile.new(tmp_path / "a.mrc", overwrite=True) as file:
        file.set_data(pixels.astype(">u2"))
        file.set_extended_header(swapped)
        file.header.exttyp = b"FEI2"
    with formats.open(tmp_path / "a.mrc") as stack:
        assert stack.facts["voltage"] == 300
        assert stack.facts["exposure_dose"] == pytest.approx(41.17, abs=0.005)


def test_a_short_fei1_header_is_read_and_a_broken_one_noted(tmp_path):
    whole = (DATA / "epu2.9_piece.mrc").read_bytes()
    record = bytearray(whole[1024 : 1024 + 768])
    record[:4] = (768).to_bytes(4, "little")
    pixels = bytes(8)
    path = by_hand(tmp_path / "a.mrc", 1, (1, 2, 2), pixels, bytes(record), b"FEI1")
    assert formats.open(path).facts["voltage"] == 300
    record[:4] = (100_000).to_bytes(4, "little")
    path = by_hand(tmp_path / "b.mrc", 1, (1, 2, 2), pixels, bytes(record), b"FEI1")
    assert "100000 bytes" in formats.open(path).notes[0]
    assert formats.open(path).facts == {}


def test_serialems_header_tells_tilt_and_dose_of_each_section(tmp_path):
    # tilt angle × 100, and 3.5 e/Å² as two short integers: 3584 × 2⁻¹⁰ = (14 × 256) × 2⁻¹⁰
    sections = np.array([[-3000, 14, -10 * 256], [3000, 14, -10 * 256]], "<i2")
    layout = [(128, np.array([6, 1 | 32], "<i2").tobytes())]
    pixels = np.zeros((2, 2, 2), "<i2").tobytes()
    path = by_hand(tmp_path / "a.st", 1, (2, 2, 2), pixels, sections.tobytes(), b"SERI", layout)
    assert formats.open(path).facts == {"tilt_angles": [-30.0, 30.0], "exposure_dose": 3.5}


def test_our_header_says_what_mrcfile_expects(tmp_path):
    picture = np.random.default_rng(0).normal(5, 2, (3, 8, 6)).astype(np.float32)
    path = formats.write(tmp_path / "a.mrcs", picture, pixel_size=0.82, label="motion: 3 frames")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # mrcfile's own, under NumPy 2.5
        assert mrcfile.validate(path)
    with mrcfile.open(path) as file:
        assert file.is_image_stack()
        assert file.voxel_size.x == pytest.approx(0.82)
        assert (file.header.dmin, file.header.dmax) == (picture.min(), picture.max())
        assert file.header.dmean == pytest.approx(picture.mean())
        assert file.header.rms == pytest.approx(picture.std(), rel=1e-5)
        assert file.get_labels() == ["focusnb 0.1 motion: 3 frames"]


def test_of_many_labels_the_first_and_the_newest_nine_stay(tmp_path):
    texts = [f"step {number}" for number in range(13)]
    path = formats.write(tmp_path / "a.mrc", np.zeros((2, 2)), label=texts)
    kept = formats.open(path).labels
    assert kept == ("step 0", *texts[4:12], "focusnb 0.1 step 12")


def test_labels_are_plain_and_short(tmp_path):
    path = formats.write(tmp_path / "a.mrc", np.zeros((2, 2)), label="Å\nµm " + "x" * 99)
    (label,) = formats.open(path).labels
    assert label.startswith("focusnb 0.1 A um xxx")
    assert len(label) == 80
    path = formats.write(tmp_path / "a.mrc", np.zeros((2, 2)), label="focusnb motion: mean √n·m")
    assert formats.open(path).labels == ("focusnb 0.1 motion: mean sqrt n*m",)


def test_pixels_that_are_not_finite_are_written_without_complaint(tmp_path):
    picture = np.array([[np.nan, np.inf], [1, 2]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = formats.write(tmp_path / "a.mrc", picture)
    np.testing.assert_array_equal(formats.read(path), picture)


def test_integers_go_where_they_fit(tmp_path):
    path = tmp_path / "a.mrc"
    assert formats.read(formats.write(path, np.full((2, 2), 255, np.uint8))).dtype == np.uint16
    assert formats.read(formats.write(path, np.full((2, 2), -5, np.int64))).dtype == np.int16
    with pytest.raises(BadValue, match="70000"):
        formats.write(path, np.full((2, 2), 70000))


def test_a_file_from_before_2000_is_known_by_its_exact_size(tmp_path):
    path = by_hand(tmp_path / "a.mrc", 1, (1, 3, 4), bytes(24), extra=[(208, bytes(8))])
    with formats.open(path) as stack:
        assert stack.shape == (1, 3, 4)
        assert "no 'MAP '" in " ".join(stack.notes)


def test_a_machine_stamp_that_contradicts_the_header_is_overruled(tmp_path):
    path = by_hand(tmp_path / "a.mrc", 1, (1, 3, 4), bytes(24), extra=[(212, b"\x11\x11\0\0")])
    with formats.open(path) as stack:
        assert stack.shape == (1, 3, 4)
        assert "machine stamp" in stack.notes[0]


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (12, 3, "mode 3 .pairs of short"),
        (12, 77, "mode 77"),
        (0, 0, "none can be 0"),
        (8, -1, "none can be 0"),
        (92, -7, "extended header of -7"),
        (92, 2_000_000_000, "extended header of 2000000000"),
        (8, 2_000_000_000, "cut short"),
    ],
)
def test_a_header_that_cannot_be_is_refused_with_its_value(tmp_path, place, value, told):
    path = formats.write(tmp_path / "a.mrc", np.zeros((4, 4), np.int16))
    patch(path, place, [value])
    with pytest.raises(BrokenFile, match=told):
        formats.open(path)


def test_oblong_pixels_and_turned_axes_are_noted(tmp_path):
    path = formats.write(tmp_path / "a.mrc", np.zeros((4, 4), np.int16), pixel_size=2)
    patch(path, 44, [12.0], "<f4")
    patch(path, 64, [2, 1, 3])
    stack = formats.open(path)
    assert stack.pixel_size == 2
    assert "not square" in " ".join(stack.notes)
    assert "(2, 1, 3)" in " ".join(stack.notes)


def test_without_a_cell_there_is_no_pixel_size(tmp_path):
    assert formats.open(formats.write(tmp_path / "a.mrc", np.zeros((4, 4)))).pixel_size is None


def test_a_closed_file_says_so(tmp_path):
    stack = formats.open(formats.write(tmp_path / "a.mrc", np.zeros((4, 4))))
    stack.close()
    with pytest.raises(ValueError, match="is closed"):
        stack.frame(0)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_header_however_spoilt_does_anything_but_work_or_tell(data):
    whole = bytearray((DATA / "epu2.9_piece.mrc").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, 1900))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mrc")
        path.write_bytes(bytes(whole))
        try:
            with formats.open(path) as stack:
                stack.frame(0)
        except (BrokenFile, formats.registry.UnknownFormat):
            pass
