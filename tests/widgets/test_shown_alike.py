import pytest

from focusnb.model.rules import shown as shown_by_rules
from focusnb.model.shown import measured
from focusnb.model.vocabulary import vocabulary
from focusnb_widgets.forms.image_facts import shown as shown_on_page
from focusnb_widgets.library.columns import of_param


@pytest.mark.parametrize(
    "word", [w for w, p in vocabulary().items() if "defocus" in w and p.unit == "Å"]
)
def test_all_views_show_it_alike(word):
    param = vocabulary()[word]
    text, unit = measured(param, 12345.6)
    column = of_param(param)
    assert shown_by_rules(param, 12345.6) == f"{text} {unit}"
    assert shown_on_page(param, 12345.6) == text
    assert (f"{column.value(12345.6):.{column.digits}f}", column.unit) == (text, unit)
