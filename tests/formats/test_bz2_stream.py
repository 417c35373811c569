"""bzip2 read forwards: what `bz2` makes of it, joined streams, and bytes that wait for checksums."""

import bz2
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb.formats.bz2_stream import Bz2Stream


def whole(packed, step=1 << 30):
    stream, found = Bz2Stream(io.BytesIO(packed)), b""
    while piece := stream.read(step):
        found += piece
    return found


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    level=st.integers(1, 9),
    step=st.integers(1, 200),
)
def test_streams_in_a_row_are_their_bytes_in_a_row(parts, level, step):
    packed = b"".join(bz2.compress(part, level) for part in parts)
    assert whole(packed, step) == b"".join(parts)


@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.parametrize("kind", ["noise", "zeros", "short runs"])
def test_several_blocks_are_read_as_bz2_reads_them(level, kind):
    rng = np.random.default_rng(1)
    data = {
        "noise": rng.integers(0, 256, 2_500_000, np.uint8).tobytes(),
        "zeros": bytes(60_000_000),
        "short runs": np.repeat(rng.integers(0, 9, 600_000, np.uint8), 4).tobytes(),
    }[kind]
    assert whole(bz2.compress(data, level), 777_777) == data


def test_what_follows_the_last_stream_is_left():
    assert whole(bz2.compress(b"pixels") + bytes(4000)) == b"pixels"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_stream_cut_short_is_told(part):
    packed = bz2.compress(bytes(range(256)) * 40)
    with pytest.raises(EOFError):
        whole(packed[: int(part * len(packed))])


def test_no_byte_of_a_block_is_given_before_its_checksum_was_right():
    packed = bytearray(bz2.compress(bytes(range(256)) * 400))
    packed[10] ^= 1  # of the checksum of the block
    with pytest.raises(OSError, match="Invalid data"):
        Bz2Stream(io.BytesIO(bytes(packed))).read(1)


def test_blocks_before_a_broken_one_are_given():
    data = np.random.default_rng(1).integers(0, 256, 250_000, np.uint8).tobytes()
    packed = bytearray(bz2.compress(data, 1))  # blocks of 100 kB
    packed[-20_000] ^= 255
    stream = Bz2Stream(io.BytesIO(bytes(packed)))
    assert stream.read(150_000) == data[:150_000]
    with pytest.raises(OSError, match="Invalid data"):
        stream.read(100_000)


def test_a_bomb_of_zeros_costs_little_more_than_one_block():
    packed = bz2.compress(bytes(400_000_000))
    assert len(packed) < 400
    tracemalloc.start()
    Bz2Stream(io.BytesIO(packed)).read(1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80_000_000
