"""A shop's till: lines, money, accounts, stock, reports."""
