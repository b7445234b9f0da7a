-- Runs once, when the database is made: a role for Hubline that owns its database and nothing else. It makes
-- and changes its tables by itself.
\set password `cat /run/secrets/database`
CREATE ROLE hubline LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
CREATE DATABASE hubline OWNER hubline;
REVOKE CONNECT, TEMPORARY ON DATABASE hubline, postgres, template1 FROM PUBLIC;
