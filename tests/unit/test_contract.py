"""Names and shapes that every part relies on."""

import pytest

from service.contract.names import check_name, count_features
from service.contract.routes import predict_method, predict_raw_method


@pytest.mark.parametrize("name", ["small", "a", "wide-net", "x2", "a" * 32, "raw", "raw-x"])
def test_a_good_name_is_returned(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Small", "2x", "-a", "a_b", "a" * 33, "preprocessing", "evaluation", "small-raw", "a b", "a\n"]
)
def test_a_name_that_breaks_the_rule_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=r"[Cc]hoose"):
        check_name(name)


def test_twenty_raw_features_make_230() -> None:
    assert [count_features(columns) for columns in (1, 10, 20, 30)] == [2, 65, 230, 495]


def test_method_names_are_identifiers() -> None:
    assert predict_method("wide-net") == "predict_wide_net"
    assert predict_raw_method("wide-net").isidentifier()
