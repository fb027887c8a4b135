create table process_version (
  edition text primary key,
  name text not null,
  version text not null,
  kept_at bigint not null,
  source text not null
)
