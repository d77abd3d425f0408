from tally import money


def test_cents_reads_whole_and_plain_amounts():
    assert [money.cents("3"), money.cents("1.50"), money.cents("0.25")] == [300, 150, 25]


def test_cents_keeps_the_last_cent():
    assert [money.cents("19.99"), money.cents("0.29")] == [1999, 29]


def test_show_writes_two_digits():
    assert [money.show(1999), money.show(5), money.show(-5)] == ["19.99", "0.05", "-0.05"]


def test_a_discount_is_taken_off():
    assert money.discounted(1000, 15) == 850


def test_split_into_even_shares():
    assert money.split(900, 3) == [300, 300, 300]


def test_split_loses_no_cent():
    assert money.split(1000, 3) == [334, 333, 333]
