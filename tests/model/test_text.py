from focusnb.model.text import seconds


def test_times_without_a_zone_are_this_computers_and_nonsense_is_no_time():
    assert seconds("1970-01-01T00:00:10+00:00") == 10
    assert seconds("yesterday") is None
    assert seconds(None) is None
    assert isinstance(seconds("2026-11-23T10:00:00"), float)
