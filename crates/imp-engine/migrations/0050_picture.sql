create table picture (
  ref bigint not null,
  file text not null,
  ts text not null,
  name text not null,
  kind text not null,
  kept_at bigint not null,
  bytes text not null,
  primary key (ref, file)
)
