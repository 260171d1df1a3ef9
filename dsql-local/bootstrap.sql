-- SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
-- SPDX-License-Identifier: Apache-2.0
--
-- What a PostgreSQL needs to stand behind dsql-local. Run as the superuser
-- when the endpoint starts with a version of this text that the cluster has
-- not seen; running it again changes nothing. Objects of our own are in
-- pg_catalog (functions dsql_local_...) and in the schema pg_dsql_local, whose
-- name keeps it out of sight of programs that list schemas.

SET allow_system_table_mods = on;
SET client_min_messages = warning;
SET default_table_access_method = heap;
SET dsql_local.limits = off;

-- Tables of users: heaps under optimistic concurrency (module/).
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_am WHERE amname = 'btree_table') THEN
        CREATE FUNCTION pg_catalog.dsql_local_table_am(internal) RETURNS table_am_handler
            AS 'dsql_local' LANGUAGE C;
        CREATE ACCESS METHOD btree_table TYPE TABLE HANDLER pg_catalog.dsql_local_table_am;
    END IF;
END $$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'admin') THEN
        CREATE ROLE admin LOGIN CREATEROLE;
    END IF;
END $$;
GRANT CREATE, CONNECT ON DATABASE postgres TO admin;
GRANT CREATE, USAGE ON SCHEMA public TO admin WITH GRANT OPTION;

CREATE SCHEMA IF NOT EXISTS pg_dsql_local;
CREATE SCHEMA IF NOT EXISTS sys;
GRANT USAGE ON SCHEMA sys TO PUBLIC;

-- Jobs of asynchronous DDL. `due` is when a job that is not done at once is to end.
CREATE TABLE IF NOT EXISTS pg_dsql_local.jobs (
    job_id text PRIMARY KEY,
    status text NOT NULL,
    details text,
    job_type text NOT NULL,
    class_id oid,
    object_id oid,
    object_name text,
    start_time timestamptz NOT NULL DEFAULT pg_catalog.now(),
    update_time timestamptz NOT NULL DEFAULT pg_catalog.now()
);
ALTER TABLE pg_dsql_local.jobs ADD COLUMN IF NOT EXISTS due timestamptz;
CREATE OR REPLACE VIEW sys.jobs AS
    SELECT job_id, status, details, job_type, class_id, object_id, object_name, start_time,
           update_time
    FROM pg_dsql_local.jobs
    WHERE status IN ('submitted', 'processing')
       OR update_time > pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => 30);
GRANT SELECT ON sys.jobs TO PUBLIC;

-- Which IAM principal may be which role.
CREATE TABLE IF NOT EXISTS pg_dsql_local.iam (
    iam_oid oid PRIMARY KEY,
    arn text NOT NULL,
    pg_role_oid oid NOT NULL,
    grantor_pg_role_oid oid NOT NULL,
    UNIQUE (arn, pg_role_oid)
);
CREATE SEQUENCE IF NOT EXISTS pg_dsql_local.iam_oids MINVALUE 16384 MAXVALUE 2147483647;
CREATE OR REPLACE VIEW sys.iam_pg_role_mappings AS
    SELECT m.iam_oid, m.arn, m.pg_role_oid, r.rolname AS pg_role_name, m.grantor_pg_role_oid,
           g.rolname AS grantor_pg_role_name
    FROM pg_dsql_local.iam m
    JOIN pg_catalog.pg_roles r ON r.oid = m.pg_role_oid
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor_pg_role_oid;
GRANT SELECT ON sys.iam_pg_role_mappings TO PUBLIC;

-- May the session's role be used by this principal?
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_may_sign_in(principal text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT EXISTS (
        SELECT FROM sys.iam_pg_role_mappings
        WHERE pg_role_name = session_user AND arn = principal
    )
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_iam_role(rolename text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    found oid := (SELECT oid FROM pg_roles WHERE rolname = rolename);
BEGIN
    IF session_user <> 'admin' THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = 'permission denied: only admin may change IAM mappings';
    ELSIF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42704',
            MESSAGE = format('role "%s" does not exist', rolename);
    END IF;
    RETURN found;
END $$;

CREATE OR REPLACE PROCEDURE pg_catalog.dsql_local_iam_grant(rolename text, principal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    role_oid oid := dsql_local_iam_role(rolename);
BEGIN
    IF principal !~ '^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[a-z-]+/.+' THEN
        RAISE EXCEPTION USING ERRCODE = '22023',
            MESSAGE = format('"%s" is not the ARN of an IAM role or user', principal);
    END IF;
    INSERT INTO pg_dsql_local.iam
    SELECT nextval('pg_dsql_local.iam_oids')::oid, principal, role_oid, r.oid
    FROM pg_roles r WHERE r.rolname = session_user
    ON CONFLICT (arn, pg_role_oid) DO NOTHING;
END $$;

CREATE OR REPLACE PROCEDURE pg_catalog.dsql_local_iam_revoke(rolename text, principal text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    role_oid oid := dsql_local_iam_role(rolename);
BEGIN
    DELETE FROM pg_dsql_local.iam WHERE arn = principal AND pg_role_oid = role_oid;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = '42704',
            MESSAGE = format('role "%s" is not granted to %s', rolename, principal);
    END IF;
END $$;

-- What is written in C (module/jobs.c, module/job_checks.c).
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_async(id text, at_once boolean) RETURNS void
    AS 'dsql_local' LANGUAGE C STRICT;
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_index_check(index oid) RETURNS void
    AS 'dsql_local' LANGUAGE C STRICT;
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_index_set_valid(index oid) RETURNS void
    AS 'dsql_local' LANGUAGE C STRICT;
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_run_as(role oid, sql text) RETURNS void
    AS 'dsql_local' LANGUAGE C STRICT;
CREATE OR REPLACE PROCEDURE sys.wait_for_job(job_id text, INOUT succeeded boolean DEFAULT NULL)
    AS 'dsql_local', 'dsql_local_wait_for_job' LANGUAGE C;

-- The table that a job works on; NULL when its object is not there any more.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_job_table(class oid, object oid) RETURNS oid
LANGUAGE sql STABLE AS $$
    SELECT indrelid FROM pg_catalog.pg_index
    WHERE indexrelid = object AND class = 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION ALL
    SELECT conrelid FROM pg_catalog.pg_constraint
    WHERE oid = object AND class = 'pg_catalog.pg_constraint'::pg_catalog.regclass
$$;

-- Its object's name, as sys.jobs shows it.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_job_object(class oid, object oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT n.nspname || '.' || o.name
    FROM (SELECT relname, relnamespace FROM pg_catalog.pg_class
          WHERE oid = object AND class = 'pg_catalog.pg_class'::pg_catalog.regclass
          UNION ALL
          SELECT conname, connamespace FROM pg_catalog.pg_constraint
          WHERE oid = object AND class = 'pg_catalog.pg_constraint'::pg_catalog.regclass
         ) o (name, namespace)
    JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace
$$;

-- Does a job's work, and notes how it went: whether well is returned.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_job_run(id text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    job pg_dsql_local.jobs;
    work text;
    owner oid;
    well boolean := true;
    said text;
    more text;
BEGIN
    SELECT * INTO STRICT job FROM pg_dsql_local.jobs WHERE job_id = id;
    BEGIN
        IF job.job_type = 'INDEX_BUILD' AND job.object_id <> 0 THEN
            PERFORM dsql_local_index_check(job.object_id);
            PERFORM dsql_local_index_set_valid(job.object_id);
        ELSIF job.job_type = 'VALIDATE_CONSTRAINT' AND job.object_id <> 0 THEN
            SELECT format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname),
                   relowner
            INTO STRICT work, owner
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            WHERE k.oid = job.object_id;
            PERFORM dsql_local_run_as(owner, work);
        END IF;
    EXCEPTION
        WHEN lock_not_available THEN
            RAISE;
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL;
            well := false;
    END;
    UPDATE pg_dsql_local.jobs
    SET status = CASE WHEN well THEN 'completed' ELSE 'failed' END,
        details = said || coalesce(': ' || nullif(more, ''), ''),
        update_time = clock_timestamp()
    WHERE job_id = id;
    RETURN well;
END $$;

-- One turn of the endpoint: moves the jobs on that are to take `delay` milliseconds,
-- and does the first whose time has come. Returns whether that has changed the
-- catalog, and when to come again, in milliseconds (NULL: no job is left).
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_jobs_turn(
    delay integer, OUT changed boolean, OUT again integer
)
LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '20ms' AS $$
DECLARE
    total interval := make_interval(secs => delay / 1000.0);
    job pg_dsql_local.jobs;
    target oid;
BEGIN
    changed := false;
    DELETE FROM pg_dsql_local.jobs
    WHERE status NOT IN ('submitted', 'processing')
      AND update_time < clock_timestamp() - make_interval(mins => 30);
    UPDATE pg_dsql_local.jobs SET due = clock_timestamp() + total
    WHERE due IS NULL -- or of an endpoint that was slower
       OR due > clock_timestamp() + greatest(total, make_interval(secs => 0.1));
    UPDATE pg_dsql_local.jobs SET status = 'processing', update_time = clock_timestamp()
    WHERE status = 'submitted' AND due - total / 2 <= clock_timestamp();
    UPDATE pg_dsql_local.jobs
    SET status = 'failed', details = 'The object of the job was dropped', update_time = clock_timestamp()
    WHERE status IN ('submitted', 'processing')
      AND dsql_local_job_table(class_id, object_id) IS NULL;
    SELECT * INTO job FROM pg_dsql_local.jobs
    WHERE status = 'processing' AND due <= clock_timestamp() ORDER BY due, start_time LIMIT 1;
    IF FOUND THEN
        BEGIN
            target := dsql_local_job_table(job.class_id, job.object_id);
            EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', target::regclass);
            changed := dsql_local_job_run(job.job_id);
        EXCEPTION
            WHEN lock_not_available THEN -- somebody's DDL is under way
                UPDATE pg_dsql_local.jobs SET due = clock_timestamp() + make_interval(secs => 0.05)
                WHERE job_id = job.job_id;
        END;
    END IF;
    SELECT CASE WHEN count(*) > 0 THEN -- least() and greatest() pass over NULL
               least(60000, greatest(0, ceil(1000 * extract(epoch FROM
                   min(CASE status WHEN 'submitted' THEN due - total / 2 ELSE due END)
                   - clock_timestamp()))))
           END
    INTO again
    FROM pg_dsql_local.jobs WHERE status IN ('submitted', 'processing');
END $$;

REVOKE EXECUTE ON FUNCTION
    pg_catalog.dsql_local_index_check(oid),
    pg_catalog.dsql_local_index_set_valid(oid),
    pg_catalog.dsql_local_run_as(oid, text),
    pg_catalog.dsql_local_job_run(text),
    pg_catalog.dsql_local_jobs_turn(integer)
FROM PUBLIC;

-- Functions of earlier versions.
DROP FUNCTION IF EXISTS pg_catalog.dsql_local_check(), pg_catalog.dsql_local_before_ddl(),
    pg_catalog.dsql_local_job(text, text, text, text);

-- Tables that an earlier version made.
DO $$
DECLARE
    name pg_catalog.regclass;
BEGIN
    FOR name IN
        SELECT c.oid FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_am a ON a.oid = c.relam
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND a.amname = 'heap'
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_dsql_local', 'pg_toast')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s SET ACCESS METHOD btree_table', name);
    END LOOP;
END $$;

-- The service has no dictionaries of languages.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT cfgname FROM pg_catalog.pg_ts_config WHERE cfgname <> 'simple' LOOP
        EXECUTE pg_catalog.format('DROP TEXT SEARCH CONFIGURATION pg_catalog.%I', name);
    END LOOP;
END $$;

-- The service's identity.
DO $$
BEGIN
    IF pg_catalog.to_regproc('pg_catalog.dsql_local_version') IS NULL THEN
        ALTER FUNCTION pg_catalog.version() RENAME TO dsql_local_version;
        ALTER FUNCTION pg_catalog.current_setting(text) RENAME TO dsql_local_current_setting;
    END IF;
    IF pg_catalog.to_regproc('pg_catalog.dsql_local_set_config') IS NULL THEN
        ALTER FUNCTION pg_catalog.current_setting(text, boolean)
            RENAME TO dsql_local_current_setting;
        ALTER FUNCTION pg_catalog.set_config(text, text, boolean) RENAME TO dsql_local_set_config;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT 'PostgreSQL 16'::pg_catalog.text $$;
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(setting_name text) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE pg_catalog.lower(setting_name)
        WHEN 'server_version' THEN '16.15'
        WHEN 'server_version_num' THEN '160015'
        ELSE pg_catalog.dsql_local_current_setting(setting_name)
    END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.current_setting(setting_name text, missing_ok boolean)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE pg_catalog.lower(setting_name)
        WHEN 'server_version' THEN '16.15'
        WHEN 'server_version_num' THEN '160015'
        ELSE pg_catalog.dsql_local_current_setting(setting_name, missing_ok)
    END
$$;

-- set_config() with a name that is computed: the rules have seen only constants.
-- The list is that of rules/check_session.c.
CREATE OR REPLACE FUNCTION pg_catalog.set_config(
    setting_name text, new_value text, is_local boolean
) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.lower(setting_name) NOT IN (
        'application_name', 'client_encoding', 'datestyle', 'dsql.enable_batched_nestloop',
        'disable_sync_create_index', 'enable_bitmapscan', 'enable_hashjoin',
        'enable_indexonlyscan', 'enable_indexscan', 'enable_material', 'enable_mergejoin',
        'enable_nestloop', 'enable_seqscan', 'extra_float_digits', 'intervalstyle',
        'search_path', 'timezone'
    ) THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = pg_catalog.format(
            'setting configuration parameter "%s" not supported', setting_name);
    END IF;
    RETURN pg_catalog.dsql_local_set_config(setting_name, new_value, is_local);
END $$;
REVOKE UPDATE ON pg_catalog.pg_settings FROM PUBLIC; -- it would be SET, too

-- What definitions say of tables of users: the service's index method, and a
-- primary key that carries every other column.
DO $$
BEGIN
    IF pg_catalog.to_regprocedure('pg_catalog.dsql_local_indexdef(oid)') IS NULL THEN
        ALTER FUNCTION pg_catalog.pg_get_indexdef(oid) RENAME TO dsql_local_indexdef;
        ALTER FUNCTION pg_catalog.pg_get_indexdef(oid, integer, boolean)
            RENAME TO dsql_local_indexdef;
        ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid) RENAME TO dsql_local_constraintdef;
        ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid, boolean)
            RENAME TO dsql_local_constraintdef;
        -- The service does not have them.
        ALTER FUNCTION pg_catalog.pg_table_size(regclass) RENAME TO dsql_local_table_size;
        ALTER FUNCTION pg_catalog.inet_server_addr() RENAME TO dsql_local_server_addr;
        CREATE ACCESS METHOD btree_index TYPE INDEX HANDLER pg_catalog.bthandler;
    END IF;
END $$;

-- " INCLUDE (...)" of a primary key's index: all columns that are no keys.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_included(index oid) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT ' INCLUDE (' || pg_catalog.string_agg(
        pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')'
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid
    WHERE i.indexrelid = index AND i.indisprimary AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attnum <> ALL (
          (pg_catalog.string_to_array(i.indkey::pg_catalog.text, ' ')::pg_catalog.int2[])
          [1:i.indnkeyatts])
$$;

-- Whether an index of a table of users is a primary key's; NULL for any other index.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_is_primary(index oid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT i.indisprimary
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_am m ON m.oid = t.relam
    WHERE i.indexrelid = index AND m.amname = 'btree_table'
$$;

-- A definition without what a primary key was told to include, and with all that
-- it does. Quoted names are passed over as wholes.
CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_include(definition text, index oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_catalog.dsql_local_is_primary(index)
        THEN pg_catalog.regexp_replace(
                definition, '^((?:[^"]|"[^"]*")*?) INCLUDE \(.*$', '\1')
             || coalesce(pg_catalog.dsql_local_included(index), '')
        ELSE definition END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.dsql_local_method(definition text, index oid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_catalog.dsql_local_is_primary(index) IS NOT NULL
        THEN pg_catalog.regexp_replace(
                definition, '^((?:[^"]|"[^"]*")*?) USING btree ', '\1 USING btree_index ')
        ELSE definition END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(index oid) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT pg_catalog.dsql_local_include(
        pg_catalog.dsql_local_method(pg_catalog.dsql_local_indexdef(index), index), index)
$$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_indexdef(index oid, "column" integer, pretty boolean)
RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT CASE WHEN "column" = 0
        THEN pg_catalog.dsql_local_include(pg_catalog.dsql_local_method(
                 pg_catalog.dsql_local_indexdef(index, 0, pretty), index), index)
        ELSE pg_catalog.dsql_local_indexdef(index, "column", pretty) END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(con oid) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT pg_catalog.dsql_local_include(
        pg_catalog.dsql_local_constraintdef(con),
        (SELECT c.conindid FROM pg_catalog.pg_constraint c WHERE c.oid = con AND c.contype = 'p'))
$$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_constraintdef(con oid, pretty boolean) RETURNS text
LANGUAGE sql STABLE STRICT AS $$
    SELECT pg_catalog.dsql_local_include(
        pg_catalog.dsql_local_constraintdef(con, pretty),
        (SELECT c.conindid FROM pg_catalog.pg_constraint c WHERE c.oid = con AND c.contype = 'p'))
$$;

CREATE OR REPLACE VIEW pg_catalog.pg_indexes AS
    SELECT n.nspname AS schemaname, t.relname AS tablename, i.relname AS indexname,
           s.spcname AS tablespace, pg_catalog.pg_get_indexdef(i.oid) AS indexdef
    FROM pg_catalog.pg_index x
    JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
    JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = i.reltablespace
    WHERE t.relkind IN ('r', 'm', 'p') AND i.relkind IN ('i', 'I');

-- Settings as the service has them; ours are nobody's business.
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
    SELECT a.name,
           CASE a.name WHEN 'server_version' THEN '16.15' WHEN 'server_version_num' THEN '160015'
                ELSE a.setting END AS setting,
           a.unit, a.category, a.short_desc, a.extra_desc, a.context, a.vartype, a.source,
           a.min_val, a.max_val, a.enumvals, a.boot_val, a.reset_val, a.sourcefile, a.sourceline,
           a.pending_restart
    FROM pg_catalog.pg_show_all_settings() a
    WHERE a.name NOT LIKE 'dsql\_local.%';
