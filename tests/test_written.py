"""Values as the command line writes them: what Hydra reads back is the value."""

import pytest
import yaml

from experiments.written import written


@pytest.mark.parametrize("value", [None, True, False, 0, 1, -3, 0.1, 0.0001, "bn"])
def test_what_is_written_is_read_back(value):
    again = yaml.safe_load(written(value))
    assert again == value
    assert type(again) is type(value)
