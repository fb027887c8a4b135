-- Migrations only go forward: each file is run once, in order, in a transaction of its own.
create table if not exists note (
    id bigint generated always as identity primary key,
    body text not null,
    made_at timestamptz not null default now()
);
