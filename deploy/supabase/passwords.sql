-- Run once by Supabase's image, by psql, when it makes the database: the roles that its services sign in as get the
-- password of the deployment. script/secrets makes only characters that an address can hold.
\set password `echo "$POSTGRES_PASSWORD"`

alter user authenticator with password :'password';
alter user supabase_storage_admin with password :'password';
