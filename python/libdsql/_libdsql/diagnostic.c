/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Diagnostic: what the server says in an error or a notice, field by field, by
 * the names that programs know from psycopg. */
#include "module.h"

static PyStructSequence_Field fields[] = {
    {"severity", "\"ERROR\", \"NOTICE\" and the like"},
    {"sqlstate", "five characters"},
    {"message_primary", "what happened"},
    {"message_detail", "more about it"},
    {"message_hint", "what to do"},
    {"statement_position", "where in the statement, in characters from 1"},
    {"context", "where in functions"},
    {"schema_name", "of what the message is about"},
    {"table_name", "of what the message is about"},
    {"column_name", "of what the message is about"},
    {"datatype_name", "of what the message is about"},
    {"constraint_name", "which was violated"},
    {NULL, NULL},
};

#define FIELDS ((int)(sizeof fields / sizeof fields[0]) - 1)

static PyStructSequence_Desc description = {
    .name = "libdsql.Diagnostic",
    .doc = "What the server said, field by field; None where it said nothing.",
    .fields = fields,
    .n_in_sequence = FIELDS,
};

int
diagnostic_type_add(PyObject *module)
{
    struct module_state *state = PyModule_GetState(module);
    state->diagnostic_type = PyStructSequence_NewType(&description);
    return state->diagnostic_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Diagnostic", (PyObject *)state->diagnostic_type);
}

PyObject *
diagnostic_new(struct module_state *state, const struct dsql_diagnostic *said)
{
    static const struct dsql_diagnostic nothing;
    said = said != NULL ? said : &nothing;
    const char *const values[] = {
        said->severity, said->sqlstate, said->message,  said->detail,
        said->hint,     said->position, said->where,    said->schema,
        said->table,    said->column,   said->datatype, said->constraint,
    };
    PyObject *made = PyStructSequence_New(state->diagnostic_type);
    for (Py_ssize_t i = 0; made != NULL && i < FIELDS; i++) {
        PyObject *value =
            values[i] != NULL
                ? PyUnicode_DecodeUTF8(values[i], (Py_ssize_t)strlen(values[i]), "replace")
                : Py_NewRef(Py_None);
        if (value == NULL) {
            Py_CLEAR(made);
            break;
        }
        PyStructSequence_SetItem(made, i, value);
    }
    return made;
}
