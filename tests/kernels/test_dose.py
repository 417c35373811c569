import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from focusnb.errors import BadData
from focusnb.kernels import dose


def test_truth_critical_dose_of_the_paper_at_300_kv():
    # Grant & Grigorieff 2015: 0.24499 · k^−1.6649 + 2.8141, here at 10 and 4 Å
    at = dose.critical_dose(np.array([0.1, 0.25]), voltage=300)
    assert at == pytest.approx([14.140, 5.278], abs=2e-3)


def test_convention_lower_voltages_damage_sooner():
    s = np.array([0.1])
    assert dose.critical_dose(s, voltage=200) == 0.8 * dose.critical_dose(s, voltage=300)
    assert dose.critical_dose(s, voltage=100) == 0.64 * dose.critical_dose(s, voltage=300)


def test_between_voltages_it_is_interpolated_with_a_warning():
    with pytest.warns(UserWarning, match="interpolated"):
        assert 0.64 < dose.voltage_factor(120.0) < 0.8


@settings(max_examples=30, deadline=None)
@given(first=st.floats(0, 50), second=st.floats(0, 50))
def test_law_doses_add_up_as_weights_multiply(first, second):
    s = np.linspace(0, 0.4, 9)
    both = dose.weight(s, dose=first + second, voltage=300)
    each = dose.weight(s, dose=first, voltage=300) * dose.weight(s, dose=second, voltage=300)
    assert both == pytest.approx(each, rel=1e-4, abs=1e-12)


def test_convention_dose_is_counted_up_to_the_end_of_the_frame():
    assert dose.frame_doses(3, dose_per_frame=2, prior_dose=1).tolist() == [3, 5, 7]
    assert dose.weight(0.0, dose=30, voltage=300) == 1


def test_negative_dose_is_refused():
    with pytest.raises(BadData, match="negative"):
        dose.weight(0.1, dose=-1, voltage=300)
    with pytest.raises(BadData, match="negative"):
        dose.frame_doses(3, dose_per_frame=1, prior_dose=-2)
