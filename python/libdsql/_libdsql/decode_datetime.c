/* SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading dates, times and intervals through the datetime C API. PostgreSQL
 * counts days and microseconds from 2000-01-01; what lies outside of the years 1
 * to 9999, infinity and 24:00:00 have no counterpart and are DataErrors. */
#include "codec_private.h"

#include <datetime.h>

#define DAY_US INT64_C(86400000000)
#define DAY_FIRST (-730119) /* 0001-01-01 */
#define DAY_LAST 2921939    /* 9999-12-31 */

struct calendar_day {
    int64_t year; /* 0: 1 BC */
    int month, day;
};

static PyDateTime_CAPI *
api_of(const struct decoder *decoder)
{
    struct codec *codec = decoder->codec;
    (void)PyDateTimeAPI; /* of no use here: it may be another interpreter's */
    return codec->datetime != NULL || codec_load_datetime(codec) == 0 ? codec->datetime : NULL;
}

/* The Gregorian calendar by eras of 400 years that begin in March, so that the
 * leap day is a year's last. */
static struct calendar_day
calendar_day(int64_t days)
{
    int64_t shifted = days + 730425; /* since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned of_era = (unsigned)(shifted - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    return (struct calendar_day){
        .year = era * 400 + year + (month >= 10),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(of_year - (153 * month + 2) / 5 + 1),
    };
}

#define ADVICE "has no counterpart in Python; cast it to text in the query"

static PyObject *
infinite(const struct decoder *decoder, const char *type, bool negative)
{
    return data_error(decoder->codec, "the %s %sinfinity " ADVICE, type, negative ? "-" : "");
}

static PyObject *
out_of_years(const struct decoder *decoder, const char *type, int64_t days)
{
    struct calendar_day day = calendar_day(days);
    bool before = day.year <= 0;
    return data_error(decoder->codec, "the %s %04lld-%02d-%02d%s " ADVICE, type,
                      (long long)(before ? 1 - day.year : day.year), day.month, day.day,
                      before ? " BC" : "");
}

PyObject *
decode_date(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyDateTime_CAPI *api = api_of(decoder);
    if (api == NULL || length != 4) {
        return api == NULL ? NULL : wrong_bytes(decoder);
    }
    int32_t days = (int32_t)read_uint32(data);
    if (days == INT32_MAX || days == INT32_MIN) {
        return infinite(decoder, "date", days < 0);
    }
    if (days < DAY_FIRST || days > DAY_LAST) {
        return out_of_years(decoder, "date", days);
    }
    struct calendar_day day = calendar_day(days);
    return api->Date_FromDate((int)day.year, day.month, day.day, api->DateType);
}

static PyObject *
decode_moment(const struct decoder *decoder, const char *type, bool with_zone, const char *data,
              Py_ssize_t length)
{
    PyDateTime_CAPI *api = api_of(decoder);
    if (api == NULL || length != 8) {
        return api == NULL ? NULL : wrong_bytes(decoder);
    }
    int64_t us = (int64_t)read_uint64(data);
    if (us == INT64_MAX || us == INT64_MIN) {
        return infinite(decoder, type, us < 0);
    }
    int64_t days = us / DAY_US, rest = us % DAY_US;
    if (rest < 0) {
        days--;
        rest += DAY_US;
    }
    if (days < DAY_FIRST || days > DAY_LAST) {
        return out_of_years(decoder, type, days);
    }
    struct calendar_day day = calendar_day(days);
    int seconds = (int)(rest / 1000000);
    return api->DateTime_FromDateAndTime(
        (int)day.year, day.month, day.day, seconds / 3600, seconds / 60 % 60, seconds % 60,
        (int)(rest % 1000000), with_zone ? api->TimeZone_UTC : Py_None, api->DateTimeType);
}

PyObject *
decode_timestamp(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_moment(decoder, "timestamp", false, data, length);
}

PyObject *
decode_timestamptz(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    return decode_moment(decoder, "timestamptz", true, data, length);
}

static PyObject *
time_of_day(const struct decoder *decoder, const char *type, const char *data, PyObject *zone)
{
    PyDateTime_CAPI *api = decoder->codec->datetime;
    int64_t us = (int64_t)read_uint64(data);
    if (us == DAY_US) {
        return data_error(decoder->codec, "the %s 24:00:00 " ADVICE, type);
    }
    if (us < 0 || us > DAY_US) {
        return wrong_bytes(decoder);
    }
    int seconds = (int)(us / 1000000);
    return api->Time_FromTime(seconds / 3600, seconds / 60 % 60, seconds % 60, (int)(us % 1000000),
                              zone, api->TimeType);
}

PyObject *
decode_time(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyDateTime_CAPI *api = api_of(decoder);
    if (api == NULL || length != 8) {
        return api == NULL ? NULL : wrong_bytes(decoder);
    }
    return time_of_day(decoder, "time", data, Py_None);
}

PyObject *
decode_timetz(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyDateTime_CAPI *api = api_of(decoder);
    if (api == NULL || length != 12) {
        return api == NULL ? NULL : wrong_bytes(decoder);
    }
    int32_t west = (int32_t)read_uint32(data + 8); /* seconds; Python counts to the east */
    if (west <= -86400 || west >= 86400) {
        return wrong_bytes(decoder);
    }
    PyObject *offset = api->Delta_FromDelta(0, -west, 0, 1, api->DeltaType);
    PyObject *zone = offset ? api->TimeZone_FromTimeZone(offset, NULL) : NULL;
    PyObject *value = zone ? time_of_day(decoder, "timetz", data, zone) : NULL;
    Py_XDECREF(zone);
    Py_XDECREF(offset);
    return value;
}

/* Years count 365 days and months 30, as in psycopg: Python's timedelta knows
 * neither. */
PyObject *
decode_interval(const struct decoder *decoder, const char *data, Py_ssize_t length)
{
    PyDateTime_CAPI *api = api_of(decoder);
    if (api == NULL || length != 16) {
        return api == NULL ? NULL : wrong_bytes(decoder);
    }
    int64_t us = (int64_t)read_uint64(data), months = (int32_t)read_uint32(data + 12);
    int64_t days = (int32_t)read_uint32(data + 8) + months / 12 * 365 + months % 12 * 30;
    days += us / DAY_US;
    us %= DAY_US;
    if (us < 0) {
        days--;
        us += DAY_US;
    }
    if (days < -999999999 || days > 999999999) {
        return data_error(decoder->codec, "an interval of %lld days " ADVICE, (long long)days);
    }
    return api->Delta_FromDelta((int)days, (int)(us / 1000000), (int)(us % 1000000), 1,
                                api->DeltaType);
}
