/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writing dates, times and intervals: days and microseconds from 2000-01-01. */
#include "codec_private.h"

#include <datetime.h>

#define DAY_US INT64_C(86400000000)
#define ZONE_MAX 57599 /* seconds: 15:59:59 */

/* Days from 2000-01-01 to a day of the Gregorian calendar, whose years are
 * taken to begin in March. */
static int64_t
days_to(int year, int month, int day)
{
    int of_march = month > 2 ? month - 3 : month + 9;
    int64_t years = year - (month <= 2);
    return years * 365 + years / 4 - years / 100 + years / 400 + (153 * of_march + 2) / 5 + day -
           1 - 730425;
}

static int64_t
microseconds(int hour, int minute, int second, int microsecond)
{
    return ((hour * INT64_C(60) + minute) * 60 + second) * 1000000 + microsecond;
}

static int64_t
delta_us(PyObject *delta)
{
    return PyDateTime_DELTA_GET_DAYS(delta) * DAY_US +
           PyDateTime_DELTA_GET_SECONDS(delta) * INT64_C(1000000) +
           PyDateTime_DELTA_GET_MICROSECONDS(delta);
}

/* How far the value's clock is ahead of UTC. 1 and *us; 0: it has no zone; -1:
 * an exception. */
static int
offset_of(struct codec *codec, PyObject *value, PyObject *zone, int64_t *us)
{
    PyDateTime_CAPI *api = codec->datetime;
    (void)PyDateTimeAPI;
    *us = 0;
    if (zone == Py_None || zone == api->TimeZone_UTC) {
        return zone != Py_None;
    }
    PyObject *offset = PyObject_CallMethod(value, "utcoffset", NULL);
    int found = offset == NULL ? -1 : offset != Py_None;
    if (found == 1 && PyObject_TypeCheck(offset, api->DeltaType)) {
        *us = delta_us(offset);
    } else if (found == 1) {
        data_error(codec, "utcoffset() of a %s is no timedelta", Py_TYPE(value)->tp_name);
        found = -1;
    }
    Py_XDECREF(offset);
    return found;
}

int
encode_datetime(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                struct encoded *encoded)
{
    int64_t offset;
    int aware = offset_of(codec, value, PyDateTime_DATE_GET_TZINFO(value), &offset);
    if (aware < 0) {
        return -1;
    }
    int64_t days =
        days_to(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value), PyDateTime_GET_DAY(value));
    int64_t us =
        microseconds(PyDateTime_DATE_GET_HOUR(value), PyDateTime_DATE_GET_MINUTE(value),
                     PyDateTime_DATE_GET_SECOND(value), PyDateTime_DATE_GET_MICROSECOND(value));
    encoded->type = aware ? OID_timestamptz : OID_timestamp;
    encoded->binary = true;
    put_uint64(buffer, (uint64_t)(days * DAY_US + us - offset));
    return 0;
}

int
encode_date(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    (void)codec;
    encoded->type = OID_date;
    encoded->binary = true;
    dsql__put_int32(buffer,
                    (int32_t)days_to(PyDateTime_GET_YEAR(value), PyDateTime_GET_MONTH(value),
                                     PyDateTime_GET_DAY(value)));
    return 0;
}

int
encode_time(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
            struct encoded *encoded)
{
    int64_t offset;
    PyObject *zone = PyDateTime_TIME_GET_TZINFO(value);
    int aware = offset_of(codec, value, zone, &offset);
    if (aware < 0) {
        return -1;
    }
    if (!aware && zone != Py_None) {
        data_error(codec, "a time in a zone whose offset depends on the date has no form in SQL");
        return -1;
    }
    if (offset % 1000000 != 0 || offset / 1000000 > ZONE_MAX || offset / 1000000 < -ZONE_MAX) {
        data_error(codec, "a time whose offset is 16 hours or more, or has parts of a second, has "
                          "no form in PostgreSQL");
        return -1;
    }
    encoded->type = aware ? OID_timetz : OID_time;
    encoded->binary = true;
    put_uint64(buffer, (uint64_t)microseconds(PyDateTime_TIME_GET_HOUR(value),
                                              PyDateTime_TIME_GET_MINUTE(value),
                                              PyDateTime_TIME_GET_SECOND(value),
                                              PyDateTime_TIME_GET_MICROSECOND(value)));
    if (aware) {
        dsql__put_int32(buffer, (int32_t)(-offset / 1000000));
    }
    return 0;
}

/* Microseconds, days, months. */
int
encode_timedelta(struct codec *codec, PyObject *value, struct dsql__buffer *buffer,
                 struct encoded *encoded)
{
    (void)codec;
    encoded->type = OID_interval;
    encoded->binary = true;
    put_uint64(buffer, (uint64_t)(PyDateTime_DELTA_GET_SECONDS(value) * INT64_C(1000000) +
                                  PyDateTime_DELTA_GET_MICROSECONDS(value)));
    dsql__put_int32(buffer, PyDateTime_DELTA_GET_DAYS(value));
    dsql__put_int32(buffer, 0);
    return 0;
}
