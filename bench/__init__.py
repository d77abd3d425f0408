"""The budgets, measured on real parts: `./dev bench [--json] [--quick] [NAME…]`.

Each bench is a module with `measure(place) -> Report`; `bench.__main__` holds the table. Everything runs on 127.0.0.1
and below one temporary directory; whatever is started is ended, also on Ctrl-C.
"""
