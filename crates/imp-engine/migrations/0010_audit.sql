create table audit (
  n bigint primary key,
  at bigint not null,
  who text not null,
  role text not null,
  door text not null,
  origin text not null,
  what text not null,
  ref bigint,
  private bigint not null,
  detail text not null,
  hash text not null
);
create index audit_ref on audit (ref, n)
