create table saved_view (
  id text primary key,
  owner text not null,
  page text not null,
  name text not null,
  query text not null,
  made_at bigint not null
);
create unique index saved_view_name on saved_view (owner, page, name)
