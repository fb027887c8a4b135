create table measure (
  ref bigint primary key,
  at bigint,
  class bigint not null,
  finished bigint not null,
  private bigint not null,
  back_filled text,
  severity text not null,
  service text,
  team text,
  detect_ms bigint,
  acknowledge_ms bigint,
  mitigate_ms bigint,
  resolve_ms bigint
);
create index measure_at on measure (at);
create unique index measure_back_filled on measure (back_filled) where back_filled is not null
