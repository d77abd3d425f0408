from tally import lines


def test_fields_are_split_at_the_separator():
    assert lines.fields("tea;2;1.50") == ["tea", "2", "1.50"]


def test_fields_lose_the_blanks_around_them():
    assert lines.fields("tea ; 2 ; 1.50") == ["tea", "2", "1.50"]


def test_join_writes_blanks_around_the_separator():
    assert lines.join(["tea", 2, "1.50"]) == "tea ; 2 ; 1.50"


def test_quantity_reads_both_forms():
    assert lines.quantity("3x") == lines.quantity("3") == 3


def test_blank_lines_and_comments_are_left_out():
    assert lines.wanted("# monday\n\ntea;1;1.50\n") == ["tea;1;1.50"]


def test_an_indented_comment_is_left_out():
    assert lines.wanted("tea;1;1.50\n  # void\n") == ["tea;1;1.50"]
