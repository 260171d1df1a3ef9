# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Sends the operations of history.py as SQL, in several manners, and shows the answers to it."""

from __future__ import annotations

from collections import Counter

import psycopg
from history import History, Row
from sessions import watchdog
from wire_client import Wire

TABLES = [
    "CREATE TABLE t (k int PRIMARY KEY, u int CONSTRAINT tu UNIQUE, v int)",
    "CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES t, v int)",
    "CREATE TABLE leaf (id int PRIMARY KEY, p int REFERENCES t ON DELETE CASCADE, v int)",
    "CREATE TABLE bare (v int)",
    "CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, v int)",
    *(f"CREATE VIEW {name}_view AS SELECT * FROM {name}" for name in ("t", "child", "leaf")),
    "CREATE FUNCTION do_add(key int, more int) RETURNS SETOF t LANGUAGE sql AS"
    " $$ UPDATE t SET v = v + more WHERE k = key RETURNING * $$",
    "CREATE FUNCTION do_delete(key int) RETURNS bigint LANGUAGE sql AS"
    " $$ WITH x AS (DELETE FROM t WHERE k = key RETURNING 1) SELECT count(*) FROM x $$",
    "CREATE FUNCTION do_insert(int, int, int) RETURNS bigint LANGUAGE sql AS"
    " $$ INSERT INTO t VALUES ($1, $2, $3) RETURNING 1::bigint $$",
]
START = [
    Row("t", (1, 1, 10)),
    Row("t", (2, 2, 20)),
    Row("t", (3, None, 30)),
    Row("child", (1, 1, 0)),
    Row("leaf", (1, 2, 0)),
    Row("bare", (1,)),
    Row("bare", (1,)),
]
ORDER = ("leaf", "child", "t", "bare", "log")  # in which rows can be deleted

INSERT = "INSERT INTO {t} AS x VALUES (%s, %s, %s)"
ADD = "DO UPDATE SET v = x.v + excluded.v RETURNING *"
# {t}, {child}, {leaf}: the table, or its view; {}: the table that the operation names.
STATEMENTS = {
    "read": "SELECT * FROM {}",
    "get": "SELECT * FROM {t} WHERE k = %s",
    "find": "SELECT * FROM {t} WHERE u = %s",
    "sum": "SELECT count(*), sum(v) FROM {t}",
    "insert": INSERT,
    "offer": f"{INSERT} ON CONFLICT DO NOTHING",
    "put": f"INSERT INTO {{t}} AS x (k, v) VALUES (%s, %s) ON CONFLICT (k) {ADD}",
    "put_u": f"{INSERT} ON CONFLICT {{on_u}} {ADD}",
    "add": "UPDATE {t} SET v = v + %(2)s WHERE k = %(1)s RETURNING *",
    "add_all": "UPDATE {t} SET v = v + %s RETURNING *",
    "set_u": "UPDATE {t} SET u = %(2)s WHERE k = %(1)s",
    "move": "UPDATE {t} SET k = %(2)s WHERE k = %(1)s",
    "spread": "INSERT INTO {t} SELECT k + 1, NULL, v FROM {t} WHERE k < 4 ON CONFLICT DO NOTHING",
    "adopt": "UPDATE {} SET p = %(2)s WHERE id = %(1)s",
    "touch": "UPDATE {} SET v = %(2)s WHERE id = %(1)s",
    "delete": "DELETE FROM {t} WHERE k = %s",
    "remove": "DELETE FROM {} WHERE id = %s",
    "add_child": "INSERT INTO {} VALUES (%s, %s, 0)",
    "lock": "SELECT * FROM {t} WHERE k = %s FOR UPDATE",
    "lock_all": "SELECT * FROM {t} FOR UPDATE",
    "share": "SELECT * FROM {t} WHERE k = %s FOR KEY SHARE",
    "bare": "INSERT INTO bare VALUES (%s)",
    "bump": "UPDATE bare SET v = v + %(2)s WHERE v = %(1)s",
    "drop": "DELETE FROM bare WHERE v = %s",
    "log": "INSERT INTO log (v) VALUES (%s) RETURNING *",
}
FUNCTIONS = {
    "add": "SELECT * FROM do_add(%s, %s)",
    "delete": "SELECT do_delete(%s)",
    "insert": "SELECT do_insert(%s, %s, %s)",
}
FROM = {
    "add": "UPDATE t SET v = v + d FROM (VALUES (%s::int, %s::int)) AS x (key, d)"
    " WHERE k = key RETURNING t.*",
    "delete": "DELETE FROM t USING (VALUES (%s::int)) AS x (key) WHERE k = key",
    "insert": "INSERT INTO t SELECT %s::int, %s::int, %s::int FROM (SELECT 1) AS x",
    "add_child": "INSERT INTO {} SELECT %s::int, %s::int, 0 FROM (SELECT 1) AS x",
    "find": "SELECT t.* FROM t JOIN (VALUES (%s::int)) AS x (key) ON u = key",
    "read": "SELECT * FROM (SELECT * FROM {}) AS x",
}
COPIED = {"insert": "t", "bare": "bare"}

MANNERS = ["plain", "plain", "literal", "qualified", "view", "function", "from", "cte", "copy"]


def statement(what, manner):
    """A statement with placeholders, and its values."""
    name, values = what[0], list(what[1:])
    text = STATEMENTS[name]
    names = {table: table for table in ("t", "child", "leaf", "bare", "log")}
    on_u = "ON CONSTRAINT tu"
    if manner == "qualified":
        names = {table: f'public."{table}"' for table in names}
    elif manner == "view":
        names = {table: f"{table}_view" if table in "t child leaf" else table for table in names}
        on_u = "(u)"
    elif manner == "function":
        text = FUNCTIONS.get(name, text)
    elif manner == "from":
        text = FROM.get(name, text)
    table = names[values.pop(0)] if "{}" in text else ""
    text = text.format(table, **names, on_u=on_u)
    if manner == "cte" and text.startswith(("INSERT", "UPDATE", "DELETE")):
        if "RETURNING" in text:
            text = f"WITH x AS ({text}) SELECT * FROM x"
        else:
            text = f"WITH y AS ({text} RETURNING 1) SELECT count(*) FROM y"
    if "%(" in text:
        return text, {str(at): value for at, value in enumerate(values, 1)}
    return text, values


def in_text(text, values):
    """With the values in it; those of a COPY after it."""
    if "%" not in text:
        return f"{text} {values}" if values else text
    literals = {str(at): value for at, value in enumerate(values, 1)}
    if isinstance(values, dict):
        literals = values
    literals = {name: "NULL" if v is None else str(v) for name, v in literals.items()}
    return text % (literals if "%(" in text else tuple(literals.values()))


class WireSession:
    """A session by our own client of the protocol, which has portals."""

    def __init__(self, endpoint):
        self.wire = Wire(endpoint)

    def __call__(self, text, values=()):
        answer = self.wire.run(in_text(text, values or ()))
        return self.result(answer)

    @staticmethod
    def result(answer):
        if answer.error:
            return answer.error[0]
        if "T" in answer.kinds or answer.tags[0].startswith("SELECT"):
            return [tuple(None if v is None else int(v) for v in row) for row in answer.rows]
        return answer.tags[0]

    def open(self, text):
        return self.wire.open("p", text, 1)

    def fetch(self):
        answer = self.wire.fetch("p")
        self.wire.close_portal("p").sync().answer()
        return answer


class Driver:
    """Sends a schedule's operations, and shows each answer to the checker."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.counts = Counter()

    def reset(self):
        session = self.sessions[0]
        for table in ORDER:
            session(f"DELETE FROM {table}")
        for row in START:
            places = ", ".join(["%s"] * len(row.values))
            session(f"INSERT INTO {row.table} VALUES ({places})", row.values)
        ((number, _),) = session("INSERT INTO log (v) VALUES (0) RETURNING *")
        self.history = History([*START, Row("log", (number, 0))], number)
        self.log = []
        self.portals = {}

    def say(self, who, text, values=None, manner="plain"):
        """Rows, a number of rows, a command tag or an SQLSTATE."""
        session = self.sessions[who]
        try:
            if manner == "copy":
                lines = ["\t".join("\\N" if v is None else str(v) for v in values)]
                session.copy(text, lines)
                answer = 1
            elif manner == "literal":
                answer = session(in_text(text, values or ()))
            else:
                answer = session(text, values)
        except psycopg.Error as error:
            answer = error.sqlstate
        self.log.append(f"{'ABCD'[who]}: {in_text(text, values or ())} -> {answer}")
        return answer

    def simple(self, answer, name):
        """As the checker has it."""
        if isinstance(answer, list):
            if name in ("insert", "delete") or (
                answer and len(answer[0]) == 1 and name not in ("read", "get", "find")
            ):
                return answer[0][0]
            return sorted(answer, key=lambda row: tuple((v is None, v) for v in row))
        if isinstance(answer, str) and answer.startswith(("INSERT", "UPDATE", "DELETE")):
            return int(answer.split()[-1])
        return answer

    def step(self, who, what, manner="plain", alone=False):
        history, name = self.history, "ABCD"[who]
        if what == ("commit",) or history.failed(name):
            if name in history.open:
                self.portals.pop(who, None)
                history.commit(name, self.say(who, "COMMIT"))
        elif what == ("rollback",):
            if name in history.open:
                self.portals.pop(who, None)
                self.say(who, "ROLLBACK")
                history.rollback(name)
        else:
            if not alone and name not in history.open:
                self.say(who, "BEGIN")
                history.begin(name)
            if what[0] in ("open", "fetch"):
                self.portal(who, what)
                return
            text, values = statement(what, manner)
            if manner == "copy":
                if what[0] in COPIED and not isinstance(self.sessions[who], WireSession):
                    text = f"COPY {COPIED[what[0]]} FROM STDIN"
                else:
                    manner = "plain"
            answer = self.say(who, text, values, manner)
            history.run(name, what, self.simple(answer, what[0]))

    def portal(self, who, what):
        session, name = self.sessions[who], "ABCD"[who]
        if not isinstance(session, WireSession) or name not in self.history.open:
            return
        if what[0] == "open" and who not in self.portals:
            answer = session.open(f"SELECT * FROM {what[1]}")
            self.portals[who] = answer.rows
            self.log.append(f"{name}: portal on {what[1]}, first row -> {answer.rows}")
            self.history.run(name, what, answer.error or "opened")
        elif what[0] == "fetch" and who in self.portals:
            answer = session.fetch()
            self.log.append(f"{name}: the portal's other rows -> {answer.rows}")
            answer.rows += self.portals.pop(who)
            answer.tags = ["SELECT"]
            self.history.run(name, what, self.simple(session.result(answer), "read"))

    def run(self, schedule):
        self.reset()
        for step in schedule:
            self.step(*step)
        for name in list(self.history.open):
            self.step("ABCD".index(name), ("commit",))
        for who in range(len(self.sessions)):
            for table in ORDER:
                rows = self.say(who, f"SELECT * FROM {table}")
                self.history.final(table, self.simple(rows, "read"))
        self.counts += self.history.counts
        self.counts["schedules"] += 1

    def give_up(self):
        for session in self.sessions:
            with watchdog("ROLLBACK"):
                if isinstance(session, WireSession):
                    session("ROLLBACK")
                else:
                    session.connection.rollback()
