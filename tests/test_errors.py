import pytest

from core.errors import ArgumentError, invalid, whole_number


def test_what_was_received_is_cut_to_a_sentence() -> None:
    assert str(invalid("name", "a short one", "x" * 1000)).endswith("Received: '" + "x" * 78 + "….")
    assert str(invalid("width", "a small one", 10**5000)).endswith("Received: a number of thousands of digits.")


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), "9" * 5000, float("nan"), float("inf"), b"1", [1], {}],
    ids=lambda x: type(x).__name__,
)
def test_no_value_breaks_the_check(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^Invalid width. Expected a whole number from 1 to 1,000. Received: "):
        whole_number(value, "width", 1, 1000)
