/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Texts of SQL that a program brings itself, taken apart for the dialect: placeholders of other
 * drivers, and words. */
#include "placeholders.h"

#include "module.h"
#include "sqlscan.h"

PyDoc_STRVAR(numbered_doc,
             "numbered(sql)\n--\n\n"
             "A text with psycopg's placeholders (%s, %(name)s, %%) as libdsql takes\n"
             "it: the text with $1, $2, and what each stands for, None for a %s. None\n"
             "for a text that has nothing to replace, or $1 of its own.");

static PyObject *
names_of(const struct dsql__placeholders *found)
{
    PyObject *names = PyTuple_New((Py_ssize_t)found->count);
    for (size_t i = 0; names != NULL && i < found->count; i++) {
        const struct dsql__text *name = &found->names[i];
        PyObject *item = name->at == name->end
                             ? Py_NewRef(Py_None)
                             : PyUnicode_DecodeUTF8(name->at, name->end - name->at, NULL);
        if (item == NULL) {
            Py_CLEAR(names);
        } else {
            PyTuple_SET_ITEM(names, (Py_ssize_t)i, item);
        }
    }
    return names;
}

static PyObject *
numbered_function(PyObject *module, PyObject *sql)
{
    struct dsql__placeholders found;
    Py_ssize_t length;
    PyObject *result = NULL, *names;
    (void)module;
    const char *text = PyUnicode_AsUTF8AndSize(sql, &length);
    if (text == NULL) {
        return NULL;
    }
    if (dsql__placeholders_read(text, (size_t)length, &found) != 0) {
        PyErr_NoMemory();
    } else if (found.count == 0) {
        result = Py_NewRef(Py_None);
    } else if ((names = names_of(&found)) != NULL) {
        result = Py_BuildValue("(s#N)", dsql__buffer_begin(&found.text),
                               (Py_ssize_t)dsql__buffer_length(&found.text), names);
    }
    dsql__placeholders_clear(&found);
    return result;
}

PyDoc_STRVAR(sql_tokens_doc,
             "sql_tokens(sql)\n--\n\n"
             "What a text is made of: what counts (words, names and strings in quotes,\n"
             "single characters) at the odd places, the blanks and comments between at the\n"
             "even ones, the first and the last among them; together they are the text.");

static int
append_text(PyObject *list, const char *at, const char *end)
{
    PyObject *text = PyUnicode_DecodeUTF8(at, end - at, NULL);
    int failed = text == NULL || PyList_Append(list, text) != 0;
    Py_XDECREF(text);
    return failed ? -1 : 0;
}

static PyObject *
sql_tokens_function(PyObject *module, PyObject *sql)
{
    Py_ssize_t length;
    (void)module;
    const char *done = PyUnicode_AsUTF8AndSize(sql, &length);
    PyObject *tokens = done != NULL ? PyList_New(0) : NULL;
    if (tokens == NULL) {
        return NULL;
    }
    struct dsql__text rest = {done, done + length};
    for (bool more = true; more;) {
        struct dsql__text token = dsql__sql_next(&rest);
        more = token.at < token.end;
        if (append_text(tokens, done, token.at) != 0 ||
            (more && append_text(tokens, token.at, rest.at) != 0)) {
            Py_DECREF(tokens);
            return NULL;
        }
        done = rest.at;
    }
    return tokens;
}

static PyMethodDef placeholder_methods[] = {
    {"numbered", numbered_function, METH_O, numbered_doc},
    {"sql_tokens", sql_tokens_function, METH_O, sql_tokens_doc},
    {NULL, NULL, 0, NULL},
};

int
placeholders_add(PyObject *module)
{
    return PyModule_AddFunctions(module, placeholder_methods);
}
