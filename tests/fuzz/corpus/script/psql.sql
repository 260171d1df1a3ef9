-- comment
CREATE TABLE t (id serial primary key);
  TRUNCATE t;
\timing on
SELECT 1 \g
select 'ä', ; BEGIN; CREATE TABLE a(id int); CREATE TABLE b (id int); INSERT INTO a VALUES (1); COMMIT;
COPY a FROM STDIN; select ~;
1	;garbage '
2
\.
SELECT :'x', :y FROM :"t" LIMIT :n; SELECT a::int, JSON_OBJECT('a': :v);
CREATE ROLE :opts x; 
CREATE INDEX i ON t(a);
set disable_sync_create_index = off;
CREATE INDEX i ON t(a);
INSERT INTO t SELECT 1\; CREATE TABLE x(id int);
