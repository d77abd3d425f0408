from datetime import date

from tally import dates


def test_a_week_is_open_seven_days():
    assert dates.days_open(date(2024, 3, 4), date(2024, 3, 10)) == 7


def test_quarters():
    assert [dates.quarter(month) for month in (1, 3, 4, 12)] == [1, 1, 2, 4]


def test_a_month_is_labelled_with_two_digits():
    assert dates.label(2024, 2) == "2024-02"


def test_every_fourth_year_is_a_leap_year():
    assert dates.is_leap(2024) and not dates.is_leap(2023)


def test_full_centuries_are_no_leap_years_but_every_fourth():
    assert [dates.is_leap(year) for year in (1900, 2000, 2100)] == [False, True, False]


def test_days_of_a_month():
    assert [dates.days_in(2023, 2), dates.days_in(2024, 2), dates.days_in(2024, 4)] == [28, 29, 30]
