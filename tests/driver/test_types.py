# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Values to PostgreSQL and back: against psycopg in both of its formats, and against what
PostgreSQL itself prints."""

from __future__ import annotations

import datetime as dt
import gc
import json
import math
import string
import sys
import tracemalloc
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import libdsql
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

UTC = dt.timezone.utc

LITERALS = {
    "bool": ["true", "false"],
    "int2": ["0", "-1", "32767", "-32768"],
    "int4": ["0", "2147483647", "-2147483648"],
    "int8": ["2147483648", "9223372036854775807", "-9223372036854775808"],
    "oid": ["0", "4294967295"],
    "float8": ["0", "-0", "1.1", "1e308", "5e-324", "NaN", "Infinity", "-Infinity"],
    "numeric": [
        *["0", "0.000", "-1.50", "10000", "9999.9999", "0.00001", "1e40", "123456789012345678.9"],
        *["NaN", "Infinity", "-Infinity", "1e-30", "100000000", "-0.0001000"],
    ],
    "text": ["", "a", "é€😀", "it''s", "line\nand\ttab", '"{}\\,'],
    "varchar(3)": ["abc", ""],
    "bpchar": ["ab  "],
    "char(5)": ["ab"],
    "name": ["a_name"],
    "bytea": ["", "\\x00ff5c27"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "date": ["0001-01-01", "1900-02-28", "2000-02-29", "2000-03-01", "9999-12-31"],
    "time": ["00:00:00", "23:59:59.999999", "12:30:00.5"],
    "timetz": ["00:00:00+00", "23:59:59.999999-15:59:59", "12:00+05:30"],
    "timestamp": ["0001-01-01 00:00:00", "1999-12-31 23:59:59.999999", "9999-12-31 23:59:59"],
    "timestamptz": ["0001-01-01 00:00:00+00", "2000-01-01 00:00:00-08", "9999-12-31 23:59:59Z"],
    "interval": [
        *["0", "1 year 2 months 3 days 4:05:06.000007", "-1 year -1 month", "-0.000001 s"],
        *["999999999 days", "14 months -30 days 25:00", "2562047788:00:54.775807"],
    ],
    "json": ['{"a": [1, 2.5, null]}', '"é"', "1", "null"],
    "jsonb": ['{"a": [1, 2.5, null]}', "[]", "true"],
    "inet": ["1.2.3.4", "1.2.3.4/24", "::1", "2001:db8::1/64"],
    "cidr": ["10.0.0.0/8", "1.2.3.4/32", "2001:db8::/32"],
    "int4[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "{{{{{{7}}}}}}"],
    "int2[]": ["{1,2}"],
    "text[]": ['{a,"b,c","\\"",NULL,"NULL",""}', "{{a},{b}}"],
    "numeric[]": ["{1.50,NaN,NULL}"],
    "uuid[]": ["{00000000-0000-0000-0000-000000000001}"],
    "timestamptz[]": ["{2020-01-01 00:00:00+00}"],
    "date[]": ["{2020-01-01,NULL}"],
    "bool[]": ["{t,f}"],
    "bytea[]": ['{"\\\\x00"}'],
    "float8[]": ["{1.5,NaN}"],
    "interval[]": ["{1 day}"],
    "time[]": ["{01:02:03}"],
    "jsonb[]": ['{"{}"}'],
    "inet[]": ["{1.2.3.4}"],
}


def same(one: Any, other: Any) -> bool:
    """Equal, of one class, and NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | Decimal) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, Decimal):
        return str(one) == str(other)
    return bool(one == other)


@pytest.fixture
def driver(connect_driver) -> libdsql.Connection:
    return connect_driver(autocommit=True)


@pytest.fixture
def peer(connect) -> psycopg.Connection:
    connection = connect(autocommit=True)
    connection.execute("SET TimeZone TO 'UTC'")
    return connection


def one_row(driver: libdsql.Connection, sql: str, parameters: Any = None) -> tuple[Any, ...]:
    rows = driver.execute(sql, parameters).fetchall()
    assert len(rows) == 1
    return rows[0]


# ------------------------------------------------------------------ results


@pytest.mark.parametrize("type_name", LITERALS)
@pytest.mark.parametrize("binary", [False, True])
def test_results_are_what_psycopg_gives(driver, peer, type_name, binary):
    texts = [text.replace("'", "''").replace("''''", "''") for text in LITERALS[type_name]]
    sql = "SELECT " + ", ".join(f"'{text}'::{type_name}" for text in texts)
    with peer.cursor(binary=binary) as cursor:
        expected = cursor.execute(sql.replace("%", "%%")).fetchone()
    row = one_row(driver, sql)
    assert same(row, expected), (row, expected)


def test_times_with_a_zone_are_in_utc(driver):
    (moment,) = one_row(driver, "SELECT '2020-01-01 00:00:00+05:30'::timestamptz")
    assert moment.tzinfo is UTC
    assert moment == dt.datetime(2019, 12, 31, 18, 30, tzinfo=UTC)


def test_other_types_have_plain_classes(driver):
    row = one_row(
        driver,
        "SELECT 1.1::float4, 'a'::\"char\", 'pg_class'::regclass, xmin, ROW(1, 'a', NULL),"
        " ARRAY[ROW(1, 2)], typname, oid, ARRAY[1.5::float4], NULL FROM pg_type WHERE oid = 16",
    )
    assert row[:3] == (1.1, "a", 1259)
    assert isinstance(row[3], int)
    assert row[4:] == ((1, "a", None), [(1, 2)], "bool", 16, [1.5], None)


def test_a_type_that_is_not_known_is_bytes(driver):
    (names,) = one_row(
        driver,
        "SELECT array_agg(column_name) FROM information_schema.columns WHERE column_name = 'oid'",
    )
    assert isinstance(names, bytes) and b"oid" in names


def test_catalogs_read_as_their_text(driver):
    rows = driver.execute(
        "SELECT indkey, indkey::text, indclass, indclass::text FROM pg_index"
    ).fetchall()
    assert len(rows) > 50
    for row in rows:
        assert row[0] == row[1] and row[2] == row[3]
    for has_identity, text in driver.execute(
        "SELECT attidentity, attidentity::text FROM pg_attribute LIMIT 50"
    ):
        assert has_identity == text == ""


def test_a_domain_is_its_base_type(driver):
    driver.execute("CREATE DOMAIN short_text AS varchar(5)")
    try:
        assert one_row(driver, "SELECT 'ab'::short_text") == ("ab",)
    finally:
        driver.execute("DROP DOMAIN short_text")


def test_json_is_read_by_the_function_of_the_connection(driver):
    sql = "SELECT '{\"a\": 1.10}'::json, '[1.10]'::jsonb, ARRAY['{\"a\":1}'::jsonb]"
    driver.json_loads = None
    assert one_row(driver, sql) == ('{"a": 1.10}', "[1.10]", ['{"a": 1}'])
    driver.json_loads = lambda text: json.loads(text, parse_float=Decimal)
    assert one_row(driver, sql) == ({"a": Decimal("1.10")}, [Decimal("1.10")], [{"a": 1}])


def test_an_exception_of_json_loads_is_the_programs(driver):
    def refuse(text: str) -> None:
        raise KeyError(text)

    driver.json_loads = refuse
    with pytest.raises(KeyError, match="17"):
        one_row(driver, "SELECT '17'::jsonb")
    assert one_row(driver, "SELECT 5") == (5,)


@pytest.mark.parametrize(
    ("literal", "says"),
    [
        ("'infinity'::date", "the date infinity"),
        ("'-infinity'::date", "the date -infinity"),
        ("'0044-03-15 BC'::date", "the date 0044-03-15 BC"),
        ("'10000-01-01'::date", "the date 10000-01-01"),
        ("'5874897-12-31'::date", "the date 5874897-12-31"),
        ("'infinity'::timestamp", "the timestamp infinity"),
        ("'-infinity'::timestamptz", "the timestamptz -infinity"),
        ("'0001-12-31 23:59:59.999999 BC'::timestamp", "the timestamp 0001-12-31 BC"),
        ("'10000-01-01 00:00:00+00'::timestamptz", "the timestamptz 10000-01-01"),
        ("'4713-01-01 BC'::timestamptz", "the timestamptz 4713-01-01 BC"),
        ("'24:00'::time", "the time 24:00:00"),
        ("'24:00+00'::timetz", "the timetz 24:00:00"),
        ("'178956970 years'::interval", "an interval of 65319294050 days"),
        ("ARRAY['infinity'::date]", "the date infinity"),
        ("ROW('infinity'::date)", "the date infinity"),
    ],
)
def test_what_python_has_not_is_a_data_error(driver, literal, says):
    with pytest.raises(libdsql.DataError) as caught:
        driver.execute(f"SELECT 1, {literal}").fetchall()
    assert says in str(caught.value)
    assert "cast it to text in the query" in str(caught.value)
    assert one_row(driver, f"SELECT 2, ({literal})::text")[0] == 2


# --------------------------------------------------------------- parameters


class Spelled(str):
    def __str__(self) -> str:
        return "something else"


def days() -> st.SearchStrategy[dt.timezone]:
    return st.integers(-57599, 57599).map(lambda s: dt.timezone(dt.timedelta(seconds=s)))


TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20
) | st.text(string.punctuation + " ab\\\"'{},", max_size=10)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(
    min_value=-(10**12), max_value=10**12, places=6
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "numeric": DECIMALS.filter(lambda value: abs(value.adjusted()) < 400)
    | st.integers(-(10**60), 10**60).map(Decimal),
    "float8": st.floats(allow_nan=False),
    "text": TEXTS,
    "bytea": st.binary(max_size=40),
    "uuid": st.uuids(),
    "date": st.dates(),
    "time": st.times(),
    "timetz": st.times(timezones=days()),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=days()),
    "interval": st.timedeltas(),
    "jsonb": st.dictionaries(TEXTS, st.none() | st.integers() | TEXTS | st.lists(TEXTS)),
}
# Examples are many values of one statement each, since its round trips are what takes time.
generated = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("type_name", VALUES)
@generated
@given(data=st.data())
def test_parameters_are_what_psycopg_sends(driver, peer, type_name, data):
    values = data.draw(st.lists(VALUES[type_name] | st.none(), min_size=1, max_size=20))
    numbers = range(1, len(values) + 1)
    row = one_row(
        driver,
        "SELECT " + ", ".join(f"${n}::{type_name}, ${n}::{type_name}::text" for n in numbers),
        values,
    )
    dumped = [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in values]
    with peer.cursor(binary=True) as cursor:
        theirs = cursor.execute(
            "SELECT " + ", ".join(["%s::" + type_name] * len(values)), dumped
        ).fetchone()
    # Literals; floats quoted, since PostgreSQL takes the sign of a zero for an operator.
    literals = [repr(v) if isinstance(v, float) else v for v in dumped]
    with psycopg.ClientCursor(peer) as cursor:
        printed = cursor.execute(
            "SELECT " + ", ".join([f"(%s)::{type_name}::text"] * len(values)), literals
        ).fetchone()
    assert same(row[::2], theirs), (row[::2], theirs)
    assert row[1::2] == printed


@pytest.mark.parametrize("type_name", [name for name in VALUES if name != "jsonb"])
@generated
@given(data=st.data())
def test_lists_are_arrays(driver, type_name, data):
    width = data.draw(st.integers(1, 4))
    values = data.draw(
        st.lists(
            st.lists(VALUES[type_name] | st.none(), min_size=width, max_size=width), max_size=4
        )
    )
    flat = [value for row in values for value in row]
    sent, plain, count = one_row(
        driver,
        f"SELECT $1::{type_name}[], $2::{type_name}[], cardinality($2::{type_name}[])",
        [values, tuple(flat)],
    )
    assert sent == values
    assert plain == flat
    assert count == len(flat)


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (True, "boolean"),
        (0, "integer"),
        (2**31, "bigint"),
        (2**63, "numeric"),
        (1.5, "double precision"),
        (Decimal("1.5"), "numeric"),
        (b"", "bytea"),
        (bytearray(b"a"), "bytea"),
        (memoryview(b"abcd")[::2], "bytea"),
        (uuid.UUID(int=1), "uuid"),
        (dt.date(2020, 1, 1), "date"),
        (dt.datetime(2020, 1, 1), "timestamp without time zone"),
        (dt.datetime(2020, 1, 1, tzinfo=UTC), "timestamp with time zone"),
        (dt.time(1), "time without time zone"),
        (dt.time(1, tzinfo=UTC), "time with time zone"),
        (dt.timedelta(1), "interval"),
        ([1, None], "integer[]"),
        ([1, 2**40], "bigint[]"),
        ([1, 2**70], "numeric[]"),
        ([1, 1.5], "double precision[]"),
        ([1.5, Decimal(1)], "numeric[]"),
        ([[b"a"], [None]], "bytea[]"),
    ],
)
def test_the_type_follows_the_value(driver, value, type_name):
    told, back = one_row(driver, "SELECT pg_typeof($1)::text, $1", [value])
    assert told == type_name
    assert back == value


def test_text_has_no_type_so_that_the_server_decides(driver):
    row = one_row(
        driver,
        "SELECT $1::int, $2::date, $3::jsonb, $4::int[], $5::inet, 1 = ANY($6)",
        ["17", "2020-01-01", "[1]", ["1", None], "::1", ["1", "2"]],
    )
    assert row[:4] == (17, dt.date(2020, 1, 1), [1], [1, None])
    assert str(row[4]) == "::1" and row[5] is True


def test_mixed_numbers_become_the_widest(driver):
    values = [1, 2**40, 2**70, 0.1, Decimal("1.50"), float("nan")]
    (back,) = one_row(driver, "SELECT $1", [values])
    assert [str(value) for value in back] == [
        *["1", "1099511627776", "1180591620717411303424", "0.1", "1.50", "NaN"]
    ]


def test_lists_without_a_type_take_the_contexts(driver):
    row = one_row(driver, "SELECT $1::int[], $2::uuid[], $3::text[]", [[], [None, None], [[], []]])
    assert row == ([], [None, None], [])


def test_json_is_sent_of_dicts_and_of_anything_in_json(driver):
    values = [{"a": [1, "é", None]}, libdsql.Json([1, "a"]), libdsql.Json(None), libdsql.Json("x")]
    row = one_row(driver, "SELECT $1::jsonb, $2::json, $3::jsonb, $4::jsonb", values)
    assert row == ({"a": [1, "é", None]}, [1, "a"], None, "x")
    assert one_row(driver, "SELECT $1::jsonb[]", [[{"a": '"{'}, libdsql.Json([])]]) == (
        [{"a": '"{'}, []],
    )
    assert repr(libdsql.Json([1])) == "Json([1])" and libdsql.Json(5).value == 5


def test_subclasses_are_what_they_derive_from(driver):
    class Whole(int):
        def __str__(self) -> str:
            return "a whole"

    class Money(Decimal):
        def __str__(self) -> str:
            return "$ 1"

    class Moment(dt.datetime):
        pass

    values = [
        Spelled("a"),
        Whole(2**70),
        Money("1.5"),
        Moment(2020, 1, 1),
        type("F", (float,), {})(2),
    ]
    row = one_row(driver, "SELECT $1::text, $2, $3, $4, $5", values)
    assert row == ("a", Decimal(2**70), Decimal("1.5"), dt.datetime(2020, 1, 1), 2.0)


def test_numbers_at_the_limits_of_numeric(driver):
    values = [Decimal("1E+131071"), Decimal("1E-16383"), 10**4000]
    row = one_row(driver, "SELECT $1 = 1e131071, $2 = 1e-16383, $3 = 1e4000, $1, $2", values)
    assert row[:3] == (True, True, True)
    assert row[3] == values[0] and row[4] == values[1]


# --------------------------------------------------- what has no form in SQL


class Unknown:
    pass


class OnlyWithADate(dt.tzinfo):
    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta | None:
        return None if moment is None else dt.timedelta(0)


def a_list_in_itself() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "NUL": (lambda: "a\0b", "NUL"),
    "surrogate": (lambda: "\ud800", "surrogate"),
    "signaling NaN": (lambda: Decimal("sNaN"), "signaling NaN"),
    "digits before": (lambda: Decimal("1E+131072"), "131072 digits before"),
    "digits behind": (lambda: Decimal("1E-16384"), "16383 after"),
    "exponent": (lambda: Decimal("1E+999999999999"), "131072 digits before"),
    "digits of an int": (lambda: 1 << 500000, "int"),
    "class": (Unknown, "Unknown"),
    "set": (set, "set"),
    "complex": (lambda: 1j, "complex"),
    "mixed": (lambda: [1, "a"], "types of its elements differ"),
    "zones": (lambda: [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=UTC)], "differ"),
    "ragged": (lambda: [[1], [2, 3]], "differ in length or depth"),
    "deeper": (lambda: [1, [2]], "differ in length or depth"),
    "empty and not": (lambda: [[], [1]], "differ in length or depth"),
    "dimensions": (lambda: [[[[[[[1]]]]]]], "6 dimensions"),
    "itself": (a_list_in_itself, "6 dimensions"),
    "json": (lambda: {"a": Unknown()}, "json.dumps"),
    "zone of a time": (lambda: dt.time(1, tzinfo=OnlyWithADate()), "depends on the date"),
    "offset": (lambda: dt.time(1, tzinfo=dt.timezone(dt.timedelta(hours=16))), "16 hours"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_value_without_a_form_is_refused_before_anything_is_sent(connect_driver, name):
    connection = connect_driver()
    value, says = REFUSED[name][0](), REFUSED[name][1]
    for parameters in ([1, value], [1, [value]]):
        with pytest.raises(libdsql.DataError) as caught:
            connection.execute("SELECT $1, $2", parameters)
        assert says in str(caught.value) or parameters[1] is not value
        assert connection.transaction_status in ("idle", "begun")
    connection.rollback()
    assert connection.execute("SELECT $1 + 1", [1]).fetchone() == (2,)


def test_an_exception_of_the_value_is_the_programs(driver):
    class Index:
        def __index__(self) -> int:
            raise KeyError("no index")

    with pytest.raises(KeyError, match="no index"):
        driver.execute("SELECT $1", [Index()])
    assert one_row(driver, "SELECT 1") == (1,)


# ------------------------------------------------------------------- tables


def test_every_type_of_a_column_holds_values_and_null(driver):
    types = {
        "b": ("boolean", True),
        "s": ("smallint", -5),
        "i": ("integer", 2**31 - 1),
        "l": ("bigint", -(2**63)),
        "r": ("real", 0.5),
        "d": ("double precision", 1.1),
        "n": ("numeric(12,4)", Decimal("-12345678.1234")),
        "c": ("char(3)", "abc"),
        "v": ("varchar(10)", "é"),
        "t": ("text", "x" * 1000),
        "u": ("uuid", uuid.UUID(int=7)),
        "y": ("bytea", bytes(range(256))),
        "dd": ("date", dt.date(2024, 2, 29)),
        "tt": ("time", dt.time(1, 2, 3, 4)),
        "tz": ("timetz", dt.time(1, 2, 3, tzinfo=UTC)),
        "ts": ("timestamp", dt.datetime(2024, 2, 29, 1, 2, 3, 4)),
        "tsz": ("timestamptz", dt.datetime(2024, 2, 29, 1, 2, 3, 4, UTC)),
        "iv": ("interval", dt.timedelta(-1, 2, 3)),
    }
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in types.items())
    marks = ", ".join(f"${n}" for n in range(1, len(types) + 2))
    driver.execute("DROP TABLE IF EXISTS all_types")
    driver.execute(f"CREATE TABLE all_types (id int PRIMARY KEY, {columns})")
    try:
        rows = [
            (1, *(value for _, value in types.values())),
            (2, *(None for _ in types)),
        ]
        cursor = driver.cursor()
        cursor.executemany(f"INSERT INTO all_types VALUES ({marks})", rows)
        back = cursor.execute("SELECT * FROM all_types ORDER BY id").fetchall()
        assert back == rows
        assert all(same(one, other) for one, other in zip(back, rows, strict=True))
    finally:
        driver.execute("DROP TABLE all_types")


# ------------------------------------------------------------------- memory


def test_rows_of_plain_values_are_no_work_for_the_collector(driver):
    sql = "SELECT 1, 'a'::text, 1.5, now(), gen_random_uuid(), NULL, true"
    row = one_row(driver, sql)
    assert not gc.is_tracked(row)
    assert not any(gc.is_tracked(value) for value in row)
    assert gc.is_tracked(one_row(driver, "SELECT ARRAY[1]"))
    assert gc.is_tracked(one_row(driver, "SELECT '[]'::jsonb"))


PARAMETERS: list[Any] = [
    *[True, 2**20, 2**40, 2**70, 1.25, Decimal("17.5"), "some text", b"bytes", None],
    *[dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=UTC), dt.time(1), dt.timedelta(5)],
    *[uuid.UUID(int=2**100), [1, 2], ["a", None], [[1.5], [Decimal(2)]], {"a": 1}],
]


def test_neither_values_nor_errors_leave_memory_behind(driver):
    marks = ", ".join(f"${n}" for n in range(1, len(PARAMETERS) + 1))
    sql = (
        f"SELECT {marks}, '1 day'::interval, '{{1,2}}'::int[], '{{\"a\": 1}}'::jsonb,"
        " '1.2.3.4/24'::inet, ROW(1, 'a') FROM generate_series(1, 20)"
    )

    def use() -> None:
        for _ in range(20):
            driver.execute(sql, PARAMETERS).fetchall()
            for bad in (Unknown(), [1, "a"], [[1], []], "\0", {"a": {1}}, [Decimal("sNaN")]):
                with pytest.raises(libdsql.DataError):
                    driver.execute("SELECT $1, $2", [[1.5, 2], bad])
            with pytest.raises(libdsql.DataError):
                driver.execute("SELECT ARRAY[1, 2], 'infinity'::date").fetchall()

    def references() -> list[int]:
        return [sys.getrefcount(value) for value in PARAMETERS if value not in (None, True)]

    use()
    counts = references()
    tracemalloc.start()
    try:
        use()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            use()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 1,200 rows and 420 errors: one object left by each would be 20 kB or more.
    assert after - before < 8000
    assert counts == references()


def test_a_uuid_is_a_uuid_in_every_way(driver):
    (made,) = one_row(driver, "SELECT '12345678-1234-5678-1234-567812345678'::uuid")
    twin = uuid.UUID("12345678-1234-5678-1234-567812345678")
    assert made == twin and hash(made) == hash(twin) and str(made) == str(twin)
    assert made.is_safe is uuid.SafeUUID.unknown and made.bytes == twin.bytes
    with pytest.raises(TypeError):
        made.int = 5
