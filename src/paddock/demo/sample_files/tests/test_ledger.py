import pytest

from tally.ledger import Account, move, refund


def test_the_balance_is_the_sum_of_the_entries():
    assert Account("till", [500, -200]).balance() == 300


def test_a_new_account_is_empty():
    Account("till").put(500)
    assert Account("safe").balance() == 0


def test_move_books_on_both_sides():
    till, safe = Account("till", [500]), Account("safe", [])
    move(till, safe, 200)
    assert (till.balance(), safe.balance()) == (300, 200)


def test_move_takes_no_negative_amount():
    with pytest.raises(ValueError):
        move(Account("till", []), Account("safe", []), -1)


def test_a_refund_goes_from_the_shop_to_the_customer():
    shop, customer = Account("shop", [500]), Account("customer", [])
    refund(shop, customer, 200)
    assert (shop.balance(), customer.balance()) == (300, 200)
