from tally import stats


def test_mean():
    assert stats.mean([2, 4, 9]) == 5 and stats.mean([]) == 0


def test_median_of_an_odd_number_of_values():
    assert stats.median([9, 1, 4]) == 4


def test_median_of_an_even_number_of_values():
    assert stats.median([9, 1, 4, 6]) == 5


def test_growth_in_percent():
    assert stats.growth(200, 250) == 25
