# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): the copy gets the owner, the privileges and the comments of the table.

What depends on the table, so that it could not be dropped, is found before anything is changed.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from aurora_dsql_sqlalchemy.alembic_finish import INDEX_COMMENTS, comment_on, qualified, quoted, run

_TABLE = (
    "(pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"
    " AND t.relname = :name AND n.nspname = :schema)"
)
_GRANTEE = "LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> t.relowner"

DEPENDING = text(
    "SELECT v.oid::regclass::text AS name FROM pg_depend d"
    " JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass"
    f" JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' JOIN {_TABLE}"
    " ON d.refobjid IN (t.oid, t.reltype)"
    " UNION SELECT p.oid::regprocedure::text FROM pg_depend d"
    f" JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass JOIN {_TABLE}"
    " ON d.refobjid IN (t.oid, t.reltype) ORDER BY name"
)
OWNER = text(
    f"SELECT r.rolname FROM {_TABLE} JOIN pg_roles r ON r.oid = t.relowner"
    " WHERE r.rolname <> current_user"
)
GRANTS = text(
    "SELECT NULL, r.rolname, a.privilege_type, a.is_grantable"
    f" FROM {_TABLE} CROSS JOIN LATERAL aclexplode(t.relacl) a {_GRANTEE}"
)
COLUMN_GRANTS = text(
    "SELECT c.attname, r.rolname, a.privilege_type, a.is_grantable"
    f" FROM {_TABLE} JOIN pg_attribute c ON c.attrelid = t.oid"
    f" CROSS JOIN LATERAL aclexplode(c.attacl) a {_GRANTEE}"
)
CONSTRAINT_COMMENTS = text(
    f"SELECT c.conname, d.description FROM {_TABLE} JOIN pg_constraint c ON c.conrelid = t.oid"
    " JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_constraint'::regclass"
)


def _where(op: Any, name: str, schema_: str | None) -> dict[str, str]:
    return {"name": name, "schema": schema_ or op.dialect.default_schema_name}


def depending(op: Any, name: str, schema_: str | None) -> list[str]:
    """Views and functions without which the table could be dropped."""
    return [found for (found,) in op.read(DEPENDING, _where(op, name, schema_))]


def give_to_owner(op: Any, old: str, new: str, schema_: str | None) -> None:
    """The new table is the one's who had the old one."""
    for (role,) in op.read(OWNER, _where(op, old, schema_)):
        run(op, f"ALTER TABLE {qualified(op, new, schema_)} OWNER TO {quoted(op, role)}")


def grant(op: Any, old: str, new: str, schema_: str | None, columns: Mapping[str, str]) -> None:
    """The privileges of the old table; columns: its columns that are kept, and their new names."""
    where = _where(op, old, schema_)
    table = qualified(op, new, schema_)
    for column, role, privilege, grantable in [
        *op.read(GRANTS, where),
        *op.read(COLUMN_GRANTS, where),
    ]:
        if column is not None and column not in columns:
            continue
        of = f" ({quoted(op, columns[column])})" if column is not None else ""
        whom = quoted(op, role) if role else "PUBLIC"
        words = " WITH GRANT OPTION" if grantable else ""
        run(op, f"GRANT {privilege}{of} ON {table} TO {whom}{words}")


def comment(
    op: Any,
    old: str,
    new: str,
    schema_: str | None,
    indexes: Mapping[str, str],
    constraints: Mapping[str, str],
) -> None:
    """The comments of the old table; what they are on is given with its name for now."""
    where = _where(op, old, schema_)
    for name, words in op.read(INDEX_COMMENTS, where):
        if name in indexes:
            comment_on(op, f"INDEX {qualified(op, indexes[name], schema_)}", words)
    for name, words in op.read(CONSTRAINT_COMMENTS, where):
        if name in constraints:
            what = f"CONSTRAINT {quoted(op, constraints[name])} ON {qualified(op, new, schema_)}"
            comment_on(op, what, words)
