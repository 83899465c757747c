"""How large a table becomes, said before it is trained on."""

import pytest

from service.contract.card import RawFeature
from service.contract.names import count_features
from training.columns.size import check_features, measure_table
from training.errors import UserError


def features(*encoded_columns: int) -> list[RawFeature]:
    return [
        RawFeature(name=f"c{place}", minimum=0, maximum=1, encoded_columns=columns)
        for place, columns in enumerate(encoded_columns)
    ]


def test_levels_count_as_columns_and_memory_is_said() -> None:
    size = measure_table(features(1, 1, 18), rows=10_000)
    assert size.features == count_features(20) == 230
    assert size.sentence == "3 raw columns become 20 encoded ones and 230 features: 18.4 MB for 10,000 training rows."
    assert measure_table(features(1), rows=9).sentence.startswith("1 raw column becomes 1 encoded one and 2 features")
    assert "1.8 GB" in measure_table(features(1, 1, 18), rows=1_000_000).sentence


def test_too_many_features_are_refused_with_the_columns_that_make_most() -> None:
    check_features(features(*[1] * 198), most=20_000, source="data.csv")
    with pytest.raises(UserError, match=r"893 raw columns become 893 encoded ones and 400,064 features\. Give --drop"):
        check_features(features(*[1] * 893), most=20_000, source="data.csv")
    with pytest.raises(UserError, match=r"most columns come of 'c2' 20, 'c1' 5\. Give --drop until at most 5 encoded"):
        check_features(features(1, 5, 20), most=count_features(5), source="data.csv")
