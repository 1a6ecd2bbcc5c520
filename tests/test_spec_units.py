"""Units are read exactly and refused clearly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabricemu.spec.units import (
    format_bytes,
    format_rate,
    format_time,
    parse_bytes,
    parse_rate_bps,
    parse_time_ps,
)

PAIRS = [
    (format_bytes, parse_bytes),
    (format_time, parse_time_ps),
    (format_rate, parse_rate_bps),
]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64MB", 64_000_000),
        ("2MiB", 2_097_152),
        ("1.5 kB", 1500),
        ("4096", 4096),
        (4096, 4096),
        ("1e3B", 1000),
        ("1_000", 1000),
    ],
)
def test_sizes_are_read_with_decimal_and_binary_prefixes(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "time"), [("500ns", 500_000), ("1.5us", 1_500_000), ("7 ps", 7)])
def test_times_are_read_in_picoseconds(text, time):
    assert parse_time_ps(text) == time


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("400Gbps", 400 * 10**9),
        ("106.25Gbps", 106_250_000_000),
        ("50GB/s", 400 * 10**9),
        ("100 Gbit/s", 10**11),
    ],
)
def test_bits_and_bytes_a_second_are_told_apart(text, rate):
    assert parse_rate_bps(text) == rate


@pytest.mark.parametrize(
    ("parse", "text", "part"),
    [
        (parse_bytes, "12Mb", "unit 'Mb' is not known; expected a size such as 4096, 64MB"),
        (parse_time_ps, "5", "the unit is missing; expected a time such as 500ns"),
        (parse_rate_bps, 400, "the unit is missing; expected a rate such as 400Gbps"),
        (parse_bytes, "0.5B", "not a whole number of bytes"),
        (parse_bytes, "-1", "out of range"),
        (parse_bytes, "1e99MB", "out of range"),
        (parse_bytes, True, "expected a size"),
        (parse_time_ps, "", "expected a time"),
    ],
)
def test_what_is_not_a_quantity_is_refused_with_an_example(parse, text, part):
    with pytest.raises(ValueError, match=r"expected") as error:
        parse(text)
    assert part in str(error.value)


@pytest.mark.parametrize(("write", "read"), PAIRS)
@given(value=st.integers(0, 2**63 - 1))
def test_what_is_written_is_read_back_exactly(write, read, value):
    assert read(write(value)) == value


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (format_bytes, 65536, "64KiB"),
        (format_bytes, 64_000_000, "64MB"),
        (format_bytes, 4158, "4158B"),
        (format_time, 176_200_000, "176.2us"),
        (format_time, 0, "0ps"),
        (format_rate, 106_250_000_000, "106.25Gbps"),
    ],
)
def test_the_shortest_exact_text_is_written(write, value, text):
    assert write(value) == text
