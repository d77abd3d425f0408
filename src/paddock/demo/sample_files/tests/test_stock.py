from tally import stock


def test_take_never_takes_more_than_is_there():
    shelf = {"tea": 3}
    assert (stock.take(shelf, "tea", 5), shelf["tea"]) == (3, 0)


def test_what_is_below_the_minimum_is_ordered():
    assert stock.to_order({"tea": 1, "milk": 9, "cake": 0}, 5) == ["cake", "tea"]


def test_what_is_at_the_minimum_is_ordered():
    assert stock.to_order({"tea": 5, "milk": 9}, 5) == ["tea"]


def test_how_long_the_stock_lasts():
    assert stock.lasts(30, 20, 7) == 10
