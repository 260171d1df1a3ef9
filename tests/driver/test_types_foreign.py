# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of other libraries' classes: enums, addresses, numpy, pandas. The driver knows
them by name and imports none of them."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import subprocess
import sys
import uuid
from decimal import Decimal
from typing import Any

import libdsql
import numpy as np
import pandas as pd
import pytest
from asyncpg.pgproto.pgproto import UUID

UTC = dt.timezone.utc


@pytest.fixture
def driver(connect_driver) -> libdsql.Connection:
    return connect_driver(autocommit=True)


def back(driver: libdsql.Connection, value: Any, cast: str = "") -> Any:
    rows = driver.execute(f"SELECT $1{cast}", [value]).fetchall()
    assert len(rows) == 1
    return rows[0][0]


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    SEVEN = 7


class Word(str, enum.Enum):
    ONE = "first"


class Day(dt.date, enum.Enum):
    LEAP = (2024, 2, 29)


class Right(enum.IntFlag):
    READ = 1
    WRITE = 2


def test_enum_members_go_as_their_value_or_their_name(driver):
    assert back(driver, Colour.RED, "::text") == "RED"
    assert back(driver, Number.SEVEN) == 7
    assert back(driver, Word.ONE, "::text") == "first"
    assert back(driver, Day.LEAP) == dt.date(2024, 2, 29)
    assert back(driver, Right.READ | Right.WRITE) == 3
    assert back(driver, [Colour.RED, "x", None], "::text[]") == ["RED", "x", None]


class Bits(enum.Flag):
    ONE = 1


def test_a_member_without_a_name_is_refused(driver):
    with pytest.raises(libdsql.DataError, match="Bits without a name"):
        back(driver, Bits(0))


def test_uuids_of_other_drivers_are_uuids(driver):
    number = 2**127 + 5
    theirs = UUID(number.to_bytes(16, "big"))
    assert type(theirs) is not uuid.UUID
    assert back(driver, theirs) == uuid.UUID(int=number)


@pytest.mark.parametrize(
    ("text", "cast"),
    [
        ("1.2.3.4", "::inet"),
        ("2001:db8::1", "::inet"),
        ("1.2.3.4/24", "::inet"),
        ("::1/64", "::inet"),
        ("10.0.0.0/8", "::cidr"),
        ("2001:db8::/32", "::cidr"),
    ],
)
def test_addresses_come_back_as_they_went(driver, text, cast):
    make = (
        ipaddress.ip_network
        if cast == "::cidr"
        else (ipaddress.ip_interface if "/" in text else ipaddress.ip_address)
    )
    value = make(text)
    assert back(driver, value, cast) == value
    assert type(back(driver, value, cast)) is type(value)
    assert back(driver, [value, None], cast + "[]") == [value, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int8(-5), -5),
        (np.int64(2**40), 2**40),
        (np.uint64(2**64 - 1), Decimal(2**64 - 1)),
        (np.float32(1.5), 1.5),
        (np.float64(2.5), 2.5),
        (np.bool_(True), True),
        (np.bytes_(b"a"), b"a"),
        (np.str_("a"), "a"),
        (np.datetime64("2020-01-01"), dt.date(2020, 1, 1)),
        (np.datetime64("2020-01-01T01:02:03.5", "us"), dt.datetime(2020, 1, 1, 1, 2, 3, 500000)),
        (np.timedelta64(5, "s"), dt.timedelta(seconds=5)),
        (np.array([1, 2]), [1, 2]),
        (np.array([[1.5, 2.5]]), [[1.5, 2.5]]),
        (np.array(5), 5),
        (np.array(["2020-01-01"], "M8[D]"), [dt.date(2020, 1, 1)]),
        ([np.array([1, 2]), [3, 4]], [[1, 2], [3, 4]]),
        ([np.int32(1), None], [1, None]),
        (pd.Timestamp("2020-01-01 01:02:03.123456789"), dt.datetime(2020, 1, 1, 1, 2, 3, 123456)),
        (pd.Timestamp("2020-01-01", tz="UTC"), dt.datetime(2020, 1, 1, tzinfo=UTC)),
        (pd.Timedelta("1 days 00:00:01"), dt.timedelta(1, 1)),
    ],
    ids=repr,
)
def test_values_of_numpy_and_pandas_are_pythons(driver, value, expected):
    cast = "::text" if isinstance(value, str) else ""
    assert back(driver, value, cast) == expected


@pytest.mark.parametrize(
    "value",
    [
        np.datetime64("2020-01-01", "ns"),
        np.datetime64("NaT", "us"),
        np.timedelta64(5, "ns"),
        np.array(["2020-01-01", "NaT"], "M8[us]"),
        np.array(["2020-01-01"], "M8[ns]"),
        np.array("NaT", "M8[us]"),
        np.longdouble(1),
        np.complex64(1),
        pd.NaT,
        pd.NA,
    ],
    ids=repr,
)
def test_what_would_be_another_value_is_refused(driver, value):
    with pytest.raises(libdsql.DataError):
        back(driver, value)
    with pytest.raises(libdsql.DataError):
        back(driver, [value])
    assert back(driver, 1) == 1


def test_nothing_slow_is_imported_by_the_driver():
    program = (
        "import sys, libdsql;"
        "slow = {'numpy', 'pandas', 'decimal', 'uuid'} & set(sys.modules);"
        "sys.exit(str(slow) if slow else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
