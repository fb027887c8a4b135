create table leaf (
  block bigint primary key,
  stamp bigint not null,
  body text not null
)
