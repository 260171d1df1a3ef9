# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""batch_alter_table(): a table is copied under the limits of transactions, and gives its name.

The names that are used, for a table t, and what can be told from them after an interruption:

    ledger   _alembic_at_t    a row for each batch that was copied, with the last key in it
    old      _alembic_old_t   t, renamed away before the first row is copied: a writer of t fails
    new      _alembic_new_t   the copy

    t and no old             nothing has been done yet
    old and no t             rows are being copied; the ledger says how far
    old and t, ledger DONE   all rows are in t, which was new; old has to go
    no old, ledger DONE      the indexes of t have to get their names

The rows of a batch and its row in the ledger are one transaction. Nothing is dropped before every
row is in the new table, its indexes are built and the rows have been counted. What comes then is in
alembic_finish.py, and what a migration remembers of it in alembic_marks.py.
"""

# Alembic's and SQLAlchemy's schema objects are handled as they come.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from alembic.util import CommandError
from sqlalchemy import MetaData, Table

from aurora_dsql_sqlalchemy.alembic_copy import Copy, undo
from aurora_dsql_sqlalchemy.alembic_finish import exists, finish, noted, old_of
from aurora_dsql_sqlalchemy.alembic_marks import is_finished, mark_finished, mark_of


def flush(batch: Any) -> bool:
    """Carry out a batch by a copy; False where it can be done in place."""
    op = batch.impl
    name, schema_ = batch.table_name, batch.schema
    if op.as_sql:
        if batch._should_recreate():
            raise CommandError(
                f"table {name} has to be copied in batches, for which a connection is needed: run "
                "this migration online, without --sql"
            )
        return False
    op.commit()
    mark = mark_of(batch)
    notes, done = noted(op, name, schema_)
    if done:
        if notes["mark"] == mark:
            mark_finished(op, batch, mark)
        finish(op, name, schema_)
    if is_finished(op, mark) or (done and notes["mark"] == mark):
        return True
    old = old_of(name)
    renamed = exists(op, old, schema_)
    if renamed and exists(op, name, schema_):
        raise CommandError(
            f"table {old} holds the rows of an interrupted migration, and there is a table {name} "
            "of another origin: rename that one, then run the migration again"
        )
    if renamed and notes.get("mark") != mark:
        undo(op, name, schema_)  # the migration was changed after it was interrupted
        renamed = False
    if not renamed and not batch._should_recreate():
        return False
    table = Table(
        old if renamed else name,
        MetaData(),
        *batch.reflect_args,
        schema=schema_,
        autoload_with=op.connection,
        **batch.reflect_kwargs,
    )
    op.commit()
    if renamed:
        table = table.to_metadata(MetaData(), name=name)
    copy = Copy(
        op,
        table,
        batch.table_args,
        batch.table_kwargs,
        True,
        partial_reordering=batch.partial_reordering,
    )
    for operation, arguments, keywords in batch.batch:
        getattr(copy, operation)(*arguments, **keywords)
    copy.mark = mark
    copy._create(op)
    mark_finished(op, batch, mark)
    finish(op, name, schema_)
    return True
