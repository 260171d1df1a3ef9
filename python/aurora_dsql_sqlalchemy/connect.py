# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""From a URL and connect_args to what a driver is called with.

`check()` runs when the engine is made: it refuses what cannot be right and fills in what was left
out. `driver_arguments()` runs for each physical connection: it finds the files, starts the local
endpoint where that is asked for, and signs the token, which is nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import libdsql
from libdsql import local
from libdsql.credentials import keys_of
from sqlalchemy import exc

from aurora_dsql_sqlalchemy.refusals import SETTING

TOKEN_SECONDS = 900
APPLICATION_NAME_LENGTH = 64
DIRECT_TLS_LIBPQ = 170000
"""The first version of libpq that can begin a connection with TLS at once."""

OWN_OPTIONS = (
    "region",
    "profile",
    "token_duration_secs",
    "custom_credentials_provider",
    "credentials_file",
    "cluster_id",
)
"""The options that are for us and not for the driver."""

TLS_MODES = ("require", "verify-ca", "verify-full")


def application_name(prefix: str, driver: str) -> str:
    """The name that the service's statistics know connectors by, after the program's own."""
    name = f"aurora-dsql-python-{driver}/{libdsql.__version__}"
    prefix = prefix.strip()[: APPLICATION_NAME_LENGTH - len(name) - 1]
    return f"{prefix}:{name}" if prefix else name


def check(
    given: Mapping[str, Any], driver: str, is_driver_option: Callable[[str], bool], libpq: int
) -> dict[str, Any]:
    """The options of all connections of an engine, complete; ArgumentError for wrong ones."""
    if given.get("password") is not None:
        raise exc.ArgumentError(
            "Aurora DSQL knows no passwords: leave it out, each connection signs its own token"
        )
    unknown = [name for name in given if name not in OWN_OPTIONS and not is_driver_option(name)]
    if unknown:
        others = ": another driver's needs that driver, as auroradsql+psycopg:// in the URL"
        raise exc.ArgumentError(
            f"neither Aurora DSQL ({', '.join(OWN_OPTIONS)}) nor {driver} knows the option "
            f"{', '.join(map(repr, unknown))}{others if driver == 'libdsql' else ''}"
        )
    several = [name for name, value in given.items() if isinstance(value, tuple)]
    if several or "," in str(given.get("host", "")):
        raise exc.ArgumentError(f"give one value for {', '.join(several) or 'host'}, not several")
    options: dict[str, Any] = {
        "user": "admin",
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": "system",
        "token_duration_secs": TOKEN_SECONDS,
        **given,
    }
    options["application_name"] = application_name(
        options.get("application_name", "sqlalchemy"), driver
    )
    if libpq >= DIRECT_TLS_LIBPQ:
        options.setdefault("sslnegotiation", "direct")
    _check_values(options)
    if "host" in options:
        _check_host(options)
    return options


TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


def boolean(name: str, text: str | tuple[str, ...]) -> bool:
    word = str(text).lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise exc.ArgumentError(f"{name}={text!r} must be true or false")
    return word in TRUE_WORDS


def choice(name: str, word: Any, words: tuple[str, ...]) -> str:
    if word not in words:
        raise exc.ArgumentError(f"{name}={word!r} must be {' or '.join(map(repr, words))}")
    return str(word)


def _number(name: str, text: str) -> int | float:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise exc.ArgumentError(f"{name}={text!r} must be a number") from None


def from_texts(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A URL's options, which are texts; those whose default is a number or bool become one."""
    found = dict(options)
    for name, value in options.items():
        default = defaults.get(name)
        if isinstance(value, str) and isinstance(default, (int, float)):
            convert = boolean if isinstance(default, bool) else _number
            found[name] = convert(name, value)
    return found


def _check_values(options: dict[str, Any]) -> None:
    if options["sslmode"] not in TLS_MODES:
        raise exc.ArgumentError(
            f"sslmode={options['sslmode']!r}: Aurora DSQL is reached over TLS only, "
            f"use {', '.join(TLS_MODES)}"
        )
    seconds = options["token_duration_secs"]
    try:
        options["token_duration_secs"] = int(seconds)
    except (TypeError, ValueError):
        options["token_duration_secs"] = 0
    if not 1 <= options["token_duration_secs"] <= 604800:
        raise exc.ArgumentError(
            f"token_duration_secs={seconds!r} must be a number of seconds from 1 to 604800"
        )


def _check_host(options: dict[str, Any]) -> None:
    try:
        found = libdsql.endpoint(
            options["host"],
            region=options.get("region"),
            cluster_id=options.get("cluster_id"),
            profile=options.get("profile"),
            may_block=True,  # where no region is named, the EC2 instance is asked for its own
        )
    except libdsql.Error as error:
        raise exc.ArgumentError(str(error)) from error
    if found.kind == "local":
        return
    options["host"] = found.host
    options["region"] = found.region
    if found.kind == "privatelink":
        if options["sslmode"] == "verify-full":
            raise exc.ArgumentError(
                f"the certificate of {found.host} does not carry that name: "
                "use sslmode=verify-ca with a PrivateLink endpoint"
            )
        which = f"-c amzn-cluster-id={found.cluster_id}"
        options["options"] = f"{options['options']} {which}" if options.get("options") else which


def driver_arguments(
    options: Mapping[str, Any], endpoint: local.LocalEndpoint | None = None
) -> dict[str, Any]:
    """The arguments for one call of the driver's connect(), the token among them.

    `endpoint` is the running endpoint when the host is "local". A password is there only when a
    listener of the do_connect event has put it: it is taken for a token and used as it is.
    """
    if not options.get("host"):
        raise libdsql.InterfaceError(
            "no host: the URL names an endpoint, auroradsql://admin@HOST/postgres, "
            'or host="local" for the local one'
        )
    own = {name: options[name] for name in OWN_OPTIONS if options.get(name) is not None}
    arguments = {name: value for name, value in options.items() if name not in OWN_OPTIONS}
    if endpoint is not None:
        own.update(region=endpoint.region)
        own.setdefault("credentials_file", endpoint.credentials)
        arguments.update(
            host="localhost", hostaddr="127.0.0.1", port=endpoint.port, sslrootcert=endpoint.ca
        )
    elif arguments["sslrootcert"] == "system":
        arguments["sslrootcert"] = libdsql.ca_file()
    if "password" not in arguments:
        arguments["password"] = _token(arguments["host"], arguments["user"], own)
    return arguments


def _token(host: str, user: str, own: dict[str, Any]) -> str:
    """Sign a token; a file of credentials that was named is meant, whatever AWS_... say."""
    if "credentials_file" in own:
        own.setdefault("profile", "default")
    provider = own.get("custom_credentials_provider")
    keys = keys_of(provider) if provider is not None else {}
    return libdsql.token(
        host,
        user,
        region=own.get("region"),
        profile=own.get("profile"),
        expires=own["token_duration_secs"],
        cluster_id=own.get("cluster_id"),
        credentials_file=own.get("credentials_file"),
        **keys,
    )


ACCESS_DENIED = (
    "Check the endpoint, the region, the role and that its IAM policy allows "
    "dsql:DbConnectAdmin for admin, dsql:DbConnect for other roles."
)
NO_SUCH_HOST = "No host has this name: check the endpoint and its region."
ADVICE = (
    (
        "certificate verify failed",
        "The server's certificate is not signed by an authority in the file that sslrootcert "
        'names: leave it out (or "system") for a cluster, and give the file after ca= in the '
        "line that dsql-local prints for a local endpoint.",
    ),
    (
        "does not match host name",
        "The server has a certificate for another name: connect by the name of the endpoint.",
    ),
    (
        "root certificate file",
        "Give sslrootcert the path of a file of certificate authorities, or leave it out.",
    ),
    (
        "signature expired",
        "Set the clock of this machine, or raise token_duration_secs if the way is slow.",
    ),
    (
        "sni was not received",
        "The driver did not name the host in TLS: leave out sslsni, and use a driver with libpq "
        "14 or newer (psycopg2-binary 2.9.2 or newer).",
    ),
    ("access denied", ACCESS_DENIED),
    ("configuration parameter", SETTING),
    ("resolve host", NO_SUCH_HOST),
    ("could not translate host name", NO_SUCH_HOST),
)
"""What the driver's text holds, and what its reader can do about it."""


def advice(text: str) -> str:
    """A sentence to follow the driver's text of a connection that failed; "" when it is clear."""
    lower = text.lower()
    sentence = next((sentence for sign, sentence in ADVICE if sign in lower), "")
    return "" if sentence == ACCESS_DENIED and "hint:" in lower else sentence
