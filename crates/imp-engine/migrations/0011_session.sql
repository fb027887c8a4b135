create table session (
  digest text primary key,
  name text not null,
  who text,
  role text not null,
  teams text not null,
  made_at bigint not null,
  seen_at bigint not null,
  ends_at bigint not null,
  origin text not null
)
