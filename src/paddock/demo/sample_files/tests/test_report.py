from tally import report


def test_full_pages_are_counted():
    assert report.page_count(list(range(20)), 10) == 2


def test_the_last_page_may_be_short():
    assert report.page_count(list(range(21)), 10) == 3


def test_pages_count_from_one():
    assert report.page(list(range(25)), 3, 10) == [20, 21, 22, 23, 24]


def test_a_row_fills_the_width():
    assert report.row("tea", "1.50") == "tea" + " " * 25 + "1.50"


def test_a_single_best_seller_is_the_only_item():
    assert report.best_sellers({"tea": 3}, 5) == ["tea"]


def test_best_sellers_come_first():
    assert report.best_sellers({"tea": 3, "cake": 9, "milk": 5}, 2) == ["cake", "milk"]
